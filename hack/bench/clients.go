package main

import (
	"context"
	"time"
)

// client is a program that builds.
type client string

// The clients, as the table names them.
const (
	ours     client = "kubectl buildkit"
	buildx   client = "docker buildx"
	buildctl client = "buildctl kube-pod"
)

// everyone makes a contender of every client.
func (w *workshop) everyone(contend func(client) contender) []contender {
	return []contender{contend(ours), contend(buildx), contend(buildctl)}
}

// build is the command of a build of the directory. With a name the image is pushed under it, else it stays in the
// cache. Each client has a daemon's cache of its own, or a tag of its own.
func (w *workshop) build(c client, dir, name string) []string {
	tag := w.registry + "/bench/" + name + ":" + map[client]string{ours: "ours", buildx: "buildx", buildctl: "buildctl"}[c]
	var argv []string
	switch c {
	case ours:
		argv = []string{w.plugin, "build", "-n", w.namespace, dir}
	case buildx:
		argv = []string{w.buildx, "build", "--builder", w.namespace, dir}
	case buildctl:
		argv = []string{
			w.buildctl, "--addr", "kube-pod://buildkitd?namespace=" + w.namespace, "build", "--frontend", "dockerfile.v0",
			"--local", "context=" + dir, "--local", "dockerfile=" + dir,
		}
	}
	switch {
	case name == "":
		return argv
	case c == buildctl:
		return append(argv, "--output", "type=image,push=true,name="+tag)
	}
	return append(argv, "-t", tag, "--push")
}

func (w *workshop) createBuildxCommand(name string) []string {
	return []string{
		w.buildx, "create", "--name", name, "--driver", "kubernetes", "--bootstrap", "--buildkitd-config", w.config(),
		"--driver-opt", "namespace=" + w.namespace + ",image=docker.io/moby/buildkit:v0.34.2",
	}
}

// createBuildx makes the builder that all cases use, of the workshop's own name.
func (w *workshop) createBuildx(ctx context.Context) error {
	argv := w.createBuildxCommand(w.namespace)
	_, err := w.time(ctx, argv[0], argv[1:]...)
	return err
}

// removeBuildx is quiet: there may be none.
func (w *workshop) removeBuildx(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, _ = w.time(ctx, w.buildx, "rm", "-f", name)
}
