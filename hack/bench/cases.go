package main

import (
	"context"
	"fmt"
	"time"
)

type benchCase struct {
	name, about string
	measure     func(context.Context, *workshop, options) ([]row, error)
}

func cases() []benchCase {
	return []benchCase{
		{"cached", "everything is in the cache, the image is pushed", measureCached},
		{"install", "from the command to the daemon's first answer", measureInstall},
		{"start", "what the program costs before it does anything", measureStart},
	}
}

// contender is one client in a case: before is run untimed before each timed command.
type contender struct {
	label   string
	bar     float64
	before  func(context.Context) error
	command func() []string
}

// compare runs the contenders in turn, A B C A B C …, so that a slow moment of the machine hits all of them.
func compare(ctx context.Context, w *workshop, opts options, name string, contenders []contender) ([]row, error) {
	rows := make([]row, len(contenders))
	for i, c := range contenders {
		rows[i] = row{label: name, command: c.label, bar: c.bar, ours: i == 0}
	}
	for run := range opts.runs + 1 {
		for i, c := range contenders {
			if c.before != nil {
				if err := c.before(ctx); err != nil {
					return nil, err
				}
			}
			argv := c.command()
			took, err := w.time(ctx, argv[0], argv[1:]...)
			if err != nil {
				return nil, err
			}
			if run > 0 { // the first is the warm-up
				rows[i].times = append(rows[i].times, took)
			}
			if opts.verbose {
				fmt.Fprintf(w.log, "  %d %-40s %.3fs\n", run, c.label, took.Seconds())
			}
		}
	}
	return rows, nil
}

func measureCached(ctx context.Context, w *workshop, opts options) ([]row, error) {
	dir, err := w.context("cached", "FROM BASE", "COPY Dockerfile /", "RUN echo one >/one", "RUN echo two >/two")
	if err != nil {
		return nil, err
	}
	if err := w.createBuildx(ctx); err != nil {
		return nil, err
	}
	defer w.removeBuildx(ctx)
	tag := func(client string) string { return w.registry + "/bench/cached:" + client }
	return compare(ctx, w, opts, "cached build with push", []contender{
		{label: "kubectl buildkit build", command: func() []string {
			return []string{w.plugin, "build", "-n", w.namespace, "-t", tag("ours"), "--push", dir}
		}},
		{label: "docker buildx build (kubernetes driver)", bar: 0.5, command: func() []string {
			return []string{w.buildx, "build", "--builder", w.namespace, "-t", tag("buildx"), "--push", dir}
		}},
		{label: "buildctl --addr kube-pod://", bar: 0.5, command: func() []string {
			return []string{w.buildctl, "--addr", "kube-pod://buildkitd?namespace=" + w.namespace, "build", "--frontend", "dockerfile.v0",
				"--local", "context=" + dir, "--local", "dockerfile=" + dir, "--output", "type=image,push=true,name=" + tag("buildctl")}
		}},
	})
}

// measureInstall has few runs: the peer's take half a minute each.
func measureInstall(ctx context.Context, w *workshop, opts options) ([]row, error) {
	opts.runs = min(opts.runs, 3)
	return compare(ctx, w, opts, "install to first answer", []contender{
		{
			label: "kubectl buildkit install",
			before: func(ctx context.Context) error {
				_, _ = w.time(ctx, w.plugin, "uninstall", "fresh", "-n", w.namespace) // there is none before the first run
				return nil
			},
			command: func() []string { return []string{w.plugin, "install", "fresh", "-n", w.namespace} },
		},
		{
			label:   "docker buildx create --bootstrap",
			bar:     0.08,
			before:  func(ctx context.Context) error { w.removeBuildx(ctx); return nil },
			command: w.createBuildxCommand,
		},
	})
}

func measureStart(ctx context.Context, w *workshop, opts options) ([]row, error) {
	opts.runs *= 3
	return compare(ctx, w, opts, "version", []contender{
		{label: "kubectl-buildkit version", command: func() []string { return []string{w.plugin, "version"} }},
		{label: "docker-buildx version", command: func() []string { return []string{w.buildx, "version"} }},
		{label: "buildctl --version", command: func() []string { return []string{w.buildctl, "--version"} }},
	})
}

func (w *workshop) createBuildxCommand() []string {
	return []string{w.buildx, "create", "--name", w.namespace, "--driver", "kubernetes", "--bootstrap", "--buildkitd-config", w.config(),
		"--driver-opt", "namespace=" + w.namespace + ",image=docker.io/moby/buildkit:v0.34.2"}
}

func (w *workshop) createBuildx(ctx context.Context) error {
	w.removeBuildx(ctx)
	argv := w.createBuildxCommand()
	_, err := w.time(ctx, argv[0], argv[1:]...)
	return err
}

// removeBuildx is quiet: there may be none.
func (w *workshop) removeBuildx(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, _ = w.time(ctx, w.buildx, "rm", "-f", w.namespace)
}
