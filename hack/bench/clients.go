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
	base     client = "base" // the plugin of an earlier commit
)

// everyone makes a contender of every client that is measured.
func (w *workshop) everyone(contend func(client) contender) []contender {
	contenders := make([]contender, len(w.clients))
	for i, c := range w.clients {
		contenders[i] = contend(c)
	}
	return contenders
}

// executable is the program of a client.
func (w *workshop) executable(c client) string {
	return map[client]string{ours: w.plugin, base: w.base, buildx: w.buildx, buildctl: w.buildctl}[c]
}

// builder is the name of a client's builder. The plugin of an earlier commit has a builder of its own, which it installs
// itself: it need not understand what a newer one stores.
func (w *workshop) builder(c client) string {
	return map[client]string{ours: "buildkitd", base: "base", buildx: w.namespace, buildctl: "buildkitd"}[c]
}

// build is the command of a build of the directory. With a name the image is pushed under it, else it stays in the
// cache. Each client has a daemon's cache of its own, or a tag of its own.
func (w *workshop) build(c client, dir, name string) []string {
	tag := w.registry + "/bench/" + name + ":" + map[client]string{ours: "ours", base: "base", buildx: "buildx", buildctl: "buildctl"}[c]
	var argv []string
	switch c {
	case ours, base:
		argv = []string{w.executable(c), "build", "-n", w.namespace, "--builder", w.builder(c), dir}
	case buildx:
		argv = []string{w.buildx, "build", "--builder", w.builder(c), dir}
	case buildctl:
		argv = []string{
			w.buildctl, "--addr", "kube-pod://" + w.builder(c) + "?namespace=" + w.namespace, "build", "--frontend", "dockerfile.v0",
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

// removeBuildx is quiet: there may be none.
func (w *workshop) removeBuildx(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, _ = w.time(ctx, w.buildx, "rm", "-f", name)
}
