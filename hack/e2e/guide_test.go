package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guidePatience bounds a guide: half a minute on a machine that has nothing else to do.
const guidePatience = 8 * time.Minute

// The guides are scripts: every command in them runs here, in order, in one shell a guide, with the cluster's stand-ins
// for what a reader has. What cannot run is marked in the guide with the reason, which is printed here.
func TestGuides(t *testing.T) {
	for name, world := range map[string]struct {
		path string
		// private leaves the registries' CA to the guide; else they pass for registries that the whole world trusts.
		private bool
	}{
		"readme":  {path: "../../README.md"},
		"oke":     {path: "../../docs/oke.md"},
		"oke-zh":  {path: "../../docs/oke.zh.md"},
		"private": {path: "../../docs/private-registries.md", private: true},
		"ci":      {path: "../../docs/ci.md"},
		"teams":   {path: "../../docs/teams.md"},
		"modes":   {path: "../../docs/privileges.md"},
		"secure":  {path: "../../docs/security.md"},
		"moving":  {path: "../../docs/moving.md"},
		"design":  {path: "../../docs/architecture.md"},
		"speed":   {path: "../../docs/performance.md"},
		"faults":  {path: "../../docs/reliability.md"},
		"nodes":   {path: "../../docs/architectures.md"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(world.path)
			if err != nil {
				t.Fatal(err)
			}
			r := newReader(t, world.private)
			s, err := scriptOf(r.standIns(string(text)))
			if err != nil {
				t.Fatalf("%s: %v", world.path, err)
			}
			for _, reason := range s.notRun {
				t.Logf("%s:%s", filepath.Base(world.path), reason)
			}
			t.Logf("%s: %d blocks and rows run, %d not", filepath.Base(world.path), s.run, len(s.notRun))
			r.runs(filepath.Base(world.path), s)
		})
	}
}

// Every guide is tested: one that is not named above would rot.
func TestEveryGuideIsRun(t *testing.T) {
	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	guides, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(guides) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	for _, guide := range guides {
		if !bytes.Contains(source, []byte(`"`+guide+`"`)) {
			t.Errorf("%s is not run", guide)
		}
	}
}

// reader is a user who follows a guide, in a directory with a Dockerfile.
type reader struct {
	*user
	private bool
	app     string
}

func newReader(t *testing.T, private bool) *reader {
	t.Helper()
	r := &reader{user: newUser(t), private: private}
	r.app = r.mkdir("app")
	write(t, filepath.Join(r.app, "Dockerfile"), "FROM "+need(t, "E2E_BASE_IMAGE")+"\nARG VERSION=0\nCOPY . /app\nRUN echo $VERSION >/version\n")
	write(t, filepath.Join(r.app, "main.txt"), "hello\n")
	ca, err := os.ReadFile(need(t, "E2E_REGISTRY_CA"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(r.app, "ca.pem"), string(ca))
	password := need(t, "E2E_REGISTRY_PASSWORD")
	for _, name := range []string{"PASSWORD", "AUTH_TOKEN"} {
		r.env[name] = password
	}
	if !private {
		r.trustEverywhere(ca)
	}
	for _, space := range r.spaces() {
		t.Cleanup(func() { r.kubectl("delete", "namespace", space[1], "--wait=false", "--ignore-not-found").ok() })
	}
	return r
}

// trustEverywhere makes the stand-ins' CA one that this machine and unmanaged builders trust, as they do public ones.
func (r *reader) trustEverywhere(ca []byte) {
	r.t.Helper()
	system, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		r.t.Fatal(err)
	}
	bundle := filepath.Join(r.home, "bundle.pem")
	write(r.t, bundle, string(system)+string(ca))
	r.env["SSL_CERT_FILE"] = bundle
	token, open := need(r.t, "E2E_REGISTRY_TOKEN"), need(r.t, "E2E_REGISTRY")
	config := filepath.Join(r.home, "buildkitd.toml")
	write(r.t, config, fmt.Sprintf("[registry.%q]\n  ca = [\"/etc/buildkit/ca.pem\"]\n[registry.%q]\n  http = true\n", token, open))
	r.kubectl("create", "configmap", "stand-ins", "--from-file", config, "--from-file=ca.pem="+filepath.Join(r.app, "ca.pem")).ok()
	pod, err := os.ReadFile("testdata/pod.privileged.yaml")
	if err != nil {
		r.t.Fatal(err)
	}
	write(r.t, r.example(), strings.TrimSuffix(string(pod), "\n")+"\n      volumeMounts:\n        - {name: stand-ins, mountPath: /etc/buildkit}\n"+
		"  volumes:\n    - {name: stand-ins, configMap: {name: stand-ins}}\n")
}

// example is what stands for BuildKit's example Pod.
func (r *reader) example() string { return filepath.Join(r.home, "pod.privileged.yaml") }

// spaces are the namespaces that guides make, and those that stand for them.
func (r *reader) spaces() [][2]string {
	return [][2]string{{"team-web", r.namespace + "-web"}, {"team-api", r.namespace + "-api"}}
}

// standIns puts the cluster's registries, names and files in place of a reader's. Longer names come first.
func (r *reader) standIns(text string) string {
	r.t.Helper()
	token, user := need(r.t, "E2E_REGISTRY_TOKEN"), need(r.t, "E2E_REGISTRY_USER")
	pairs := []string{
		"https://raw.githubusercontent.com/moby/buildkit/master/examples/kubernetes/pod.privileged.yaml", r.example(),
		"mytenancy/oracleidentitycloudservice/jane@example.com", user, "mytenancy/jane@example.com", user, "-u jane ", "-u " + user + " ",
		"--docker-username jane ", "--docker-username " + user + " ",
		"iad.ocir.io/mytenancy", token + "/" + r.namespace, "iad.ocir.io", token,
		"registry.example.com/team", token + "/" + r.namespace, "registry.example.com", token,
		"registry.local:5000/team", need(r.t, "E2E_REGISTRY") + "/" + r.namespace, "registry.local:5000", need(r.t, "E2E_REGISTRY"),
		"alpine:3", need(r.t, "E2E_BASE_IMAGE"),
	}
	for _, space := range r.spaces() {
		pairs = append(pairs, space[0], space[1])
	}
	if !r.private {
		pairs = append(pairs, "kubectl buildkit install", "kubectl buildkit install "+strings.Join(r.registryFlags(), " "))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// runs executes the script, whose lines have the numbers of the guide's.
func (r *reader) runs(name string, s script) {
	r.t.Helper()
	path, prelude := filepath.Join(r.home, name), filepath.Join(r.home, "prelude")
	write(r.t, path, strings.Join(s.lines, "\n")+"\n")
	write(r.t, prelude, guidePrelude)
	ctx, cancel := context.WithTimeout(r.t.Context(), guidePatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", `source "$0"; source "$1"`, prelude, path)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.app, r.environ(), &out, &out
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("%s: %v\n%s", name, err, out.String())
	}
	if password := r.env["PASSWORD"]; strings.Contains(out.String(), password) {
		r.t.Errorf("%s shows a password\n%s", name, out.String())
	}
}
