package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// slow is a link from home: 80 ms there and back, 50 Mbit/s each way.
func slow() link.Shape { return link.Shape{RoundTrip: 80 * time.Millisecond, Rate: 50_000_000} }

// benchCase is one thing to compare. The bar is what ours divided by the better peer's may be; 0 is none.
type benchCase struct {
	name, about string
	bar, memory float64
	link        link.Shape // zero is the machine's own
	most        int        // runs, whatever is asked for; 0 is unlimited
	prepare     func(context.Context, *workshop) ([]contender, error)
}

func cases() []benchCase {
	return []benchCase{
		{name: "cached", about: "cached build with push", bar: 0.45, prepare: cached},
		{name: "cached-slow", about: "cached build with push, 80 ms / 50 Mbit", bar: 0.7, link: slow(), prepare: cached},
		{name: "tree-slow", about: "source tree, 4,000 files / 27 MB, cold, 80 ms / 50 Mbit", bar: 0.45, link: slow(), most: 5, prepare: tree},
		{name: "changed-slow", about: "one file of the tree changed, 80 ms / 50 Mbit", bar: 0.6, link: slow(), most: 5, prepare: changed},
		{name: "random", about: "512 MiB of random data", bar: 0.8, memory: 1, most: 5, prepare: random},
		{name: "small", about: "50,000 new files of 300 bytes", bar: 0.9, most: 5, prepare: small},
		{name: "install", about: "install to the daemon's first answer", bar: 0.08, most: 3, prepare: install},
		{name: "start", about: "start of the program (version)", prepare: start},
	}
}

// contender is one client in a case: before is run untimed before each timed command.
type contender struct {
	client  client
	before  func(context.Context) error
	command func() []string
}

// measure runs the contenders in turn, A B C C B A A B C …, so that a slow moment of the machine hits all of them, and
// none always follows the same one.
func (c benchCase) measure(ctx context.Context, w *workshop, opts options) (measurement, error) {
	measured := measurement{benchCase: c}
	if err := w.useLink(link.Shape{}); err != nil {
		return measured, err
	}
	contenders, err := c.prepare(ctx, w)
	if err != nil {
		return measured, err
	}
	runs := opts.runs
	if c.most > 0 && opts.base == "" {
		runs = min(runs, c.most)
	}
	measured.rows = make([]row, len(contenders))
	w.weighs = c.memory > 0 // looking at processes takes time of its own
	for run := range runs + 1 {
		for i := range contenders {
			if run%2 == 1 {
				i = len(contenders) - 1 - i
			}
			each := contenders[i]
			took, err := w.turn(ctx, c.link, each)
			if err != nil {
				return measured, err
			}
			if opts.verbose {
				fmt.Fprintf(w.log, "  %d %-8s %.3fs %4d MiB\n", run, each.client, took.wall.Seconds(), took.peak>>20)
			}
			if run > 0 { // the first is the warm-up
				measured.rows[i].client = each.client
				measured.rows[i].runs = append(measured.rows[i].runs, took)
			}
		}
	}
	return measured, nil
}

// turn is one run of one contender.
func (w *workshop) turn(ctx context.Context, shape link.Shape, c contender) (run, error) {
	if c.before != nil {
		if err := w.useLink(link.Shape{}); err != nil {
			return run{}, err
		}
		if err := c.before(ctx); err != nil {
			return run{}, err
		}
	}
	if err := w.useLink(shape); err != nil {
		return run{}, err
	}
	argv := c.command()
	return w.time(ctx, argv[0], argv[1:]...)
}

func cached(_ context.Context, w *workshop) ([]contender, error) {
	dir, err := w.context("cached", "FROM BASE", "COPY Dockerfile /", "RUN echo one >/one", "RUN echo two >/two")
	if err != nil {
		return nil, err
	}
	return w.everyone(func(c client) contender {
		return contender{client: c, command: func() []string { return w.build(c, dir, "cached") }}
	}), nil
}

// install has few runs: the peer's take half a minute each. buildctl installs nothing.
func install(_ context.Context, w *workshop) ([]contender, error) {
	contenders := w.everyone(func(c client) contender {
		if c == buildx {
			return contender{
				client:  c,
				before:  func(ctx context.Context) error { w.removeBuildx(ctx, "fresh"); return nil },
				command: func() []string { return w.createBuildxCommand("fresh") },
			}
		}
		return contender{
			client: c,
			before: func(ctx context.Context) error {
				_, _ = w.time(ctx, w.executable(c), "uninstall", "fresh", "-n", w.namespace) // there is none before the first run
				return nil
			},
			command: func() []string { return []string{w.executable(c), "install", "fresh", "-n", w.namespace} },
		}
	})
	return slices.DeleteFunc(contenders, func(c contender) bool { return c.client == buildctl }), nil
}

func start(_ context.Context, w *workshop) ([]contender, error) {
	return w.everyone(func(c client) contender {
		argument := "version"
		if c == buildctl {
			argument = "--version"
		}
		return contender{client: c, command: func() []string { return []string{w.executable(c), argument} }}
	}), nil
}
