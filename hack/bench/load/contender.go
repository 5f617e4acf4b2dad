package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// contender is a builder with its client. All get the same configuration of the daemon and as many members.
type contender interface {
	// name is that of the report, and part of the namespace's.
	name() string
	// limit is how many builds a member may run at once; 0 is unlimited.
	limit() int
	// install returns the commands that make the builder.
	install(config string) [][]string
	// replace returns the commands that replace all members by some with another configuration.
	replace(config string) [][]string
	// build returns the command of a build, but for its arguments that all clients share.
	build() []string
}

const (
	builderName = "load"
	daemonImage = "docker.io/moby/buildkit:v0.34.2"
	volumeSize  = "2Gi"
)

// team is what the contenders share.
type team struct {
	namespace string
	members   int
}

// plugin is kubectl-buildkit.
type plugin struct {
	team
	path    string
	limited int
	volumes bool // one for each member
}

func (plugin) name() string { return "ours" }

func (p plugin) limit() int { return p.limited }

func (p plugin) install(config string) [][]string {
	argv := []string{
		p.path, "install", builderName, "--namespace", p.namespace, "--replicas", fmt.Sprint(p.members), "--config", config,
	}
	if p.limited > 0 {
		argv = append(argv, "--max-builds", fmt.Sprint(p.limited))
	}
	if p.volumes {
		argv = append(argv, "--storage", volumeSize)
	}
	return [][]string{argv}
}

// replace says yes to what a builder without volumes loses.
func (p plugin) replace(config string) [][]string {
	return [][]string{append(p.install(config)[0], "--yes")}
}

func (p plugin) build() []string {
	return []string{p.path, "build", "--builder", builderName, "--namespace", p.namespace}
}

// buildx is docker buildx with its kubernetes driver, which does not limit how many builds run. Its members have no
// volumes: v0.38.2 does not mount the configuration then, and so cannot pull from a registry without TLS.
type buildx struct {
	team
	path    string
	balance string // sticky or random
}

func (b buildx) name() string { return "buildx-" + b.balance }

func (buildx) limit() int { return 0 }

func (b buildx) install(config string) [][]string {
	driver := []string{"namespace=" + b.namespace, "image=" + daemonImage, fmt.Sprintf("replicas=%d", b.members), "loadbalance=" + b.balance}
	return [][]string{{
		b.path, "create", "--name", builderName, "--node", builderName, "--driver", "kubernetes", "--bootstrap", "--buildkitd-config", config,
		"--driver-opt", strings.Join(driver, ","),
	}}
}

// replace restarts all, since buildx changes no builder that exists.
func (b buildx) replace(string) [][]string {
	return [][]string{
		{"kubectl", "--namespace", b.namespace, "rollout", "restart", "deployment/" + builderName},
		{"kubectl", "--namespace", b.namespace, "rollout", "status", "deployment/" + builderName, "--timeout=5m"},
	}
}

func (b buildx) build() []string { return []string{b.path, "build", "--builder", builderName} }

// arguments are those of a build that all clients understand.
func (j job) arguments(context, output string) []string {
	argv := []string{
		"--progress", "plain", "--provenance=false", "--output", "type=local,dest=" + output,
		"--build-arg", "mark=" + j.id,
	}
	for i, s := range j.steps {
		argv = append(argv, "--build-arg", fmt.Sprintf("key%d=%s", i, s.key), "--build-arg", fmt.Sprintf("takes%d=%.1f", i, s.takes.Seconds()))
	}
	return append(argv, context)
}

// dockerfile is that of all projects. Each RUN prints its key and an identity of that very run; the last COPY carries the
// name of the build in its own, by which the observer knows the build.
const dockerfile = `FROM BASE AS build
WORKDIR /src
COPY . .
ARG key0 takes0
RUN echo "ran $key0 $(cat /proc/sys/kernel/random/uuid)"; sleep $takes0; echo $key0 >/result
ARG key1 takes1
RUN echo "ran $key1 $(cat /proc/sys/kernel/random/uuid)"; sleep $takes1; echo $key1 >>/result
ARG key2 takes2
RUN echo "ran $key2 $(cat /proc/sys/kernel/random/uuid)"; sleep $takes2; echo $key2 >>/result

FROM scratch
ARG mark
COPY --from=build /result /result
COPY <<EOF /mark/$mark
$mark
EOF
`

// writeContexts writes the projects, each of a few kilobytes, and returns their directories.
func writeContexts(dir, image string) ([]string, error) {
	var all []string
	for project := range projects {
		path := filepath.Join(dir, fmt.Sprintf("project-%d", project))
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
		files := map[string]string{"Dockerfile": strings.ReplaceAll(dockerfile, "BASE", image)}
		for file := range 8 {
			files[fmt.Sprintf("file-%d", file)] = strings.Repeat(fmt.Sprintf("project %d, file %d\n", project, file), 20*(file+1))
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o644); err != nil {
				return nil, err
			}
		}
		all = append(all, path)
	}
	return all, nil
}

// checkResult returns why the files that a build has written are not those of the job.
func (j job) checkResult(output string) error {
	mark, err := os.ReadFile(filepath.Join(output, "mark", j.id))
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(mark)); got != j.id {
		return fmt.Errorf("the result is that of %q", got)
	}
	result, err := os.ReadFile(filepath.Join(output, "result"))
	if err != nil {
		return err
	}
	var want []string
	for _, s := range j.steps {
		want = append(want, s.key)
	}
	if got := strings.Fields(string(result)); strings.Join(got, " ") != strings.Join(want, " ") {
		return fmt.Errorf("the result has the steps %q, want %q", got, want)
	}
	return nil
}
