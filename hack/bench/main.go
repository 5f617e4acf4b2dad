// Command bench measures kubectl-buildkit against its peers, `docker buildx` with its kubernetes driver and
// `buildctl --addr kube-pod://`, on the same cluster and in the same run. It prints ratios: seconds depend on the
// machine, ratios much less.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	runs := flag.Int("runs", 0, "measured runs of each command, after one warm-up (default 7, in long cases 5 at most; with -base 21)")
	commit := flag.String("base", "", "compare the working tree with this `commit` instead of with the peers: both are built here")
	verbose := flag.Bool("v", false, "print every run")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: hack/bench/run [-base COMMIT] [-runs N] [-v] [CASE...]\n       hack/bench/run rounds")
		flag.PrintDefaults()
		for _, c := range cases() {
			fmt.Fprintf(os.Stderr, "  case %-14s %s\n", c.name, c.about)
		}
		fmt.Fprintln(os.Stderr, "  rounds              the round trips of one cached build over the slow link, instead of a comparison")
	}
	flag.Parse()
	if err := bench(ctx, options{base: *commit, runs: *runs, verbose: *verbose, names: flag.Args()}); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type options struct {
	runs    int
	verbose bool
	base    string   // the commit to compare with; empty is the peers
	names   []string // the cases to measure; all when empty
}

func (o options) rounds() bool { return slices.Equal(o.names, []string{"rounds"}) }

// clients are those that are measured; the first is ours.
func (o options) clients() []client {
	switch {
	case o.rounds():
		return []client{ours}
	case o.base != "":
		return []client{ours, base}
	}
	return []client{ours, buildx, buildctl}
}

// choose returns the cases that are named, or all. A name that is not a case's chooses those that begin with it.
func choose(names []string) ([]benchCase, error) {
	if len(names) == 0 {
		return cases(), nil
	}
	var chosen []benchCase
	for _, name := range names {
		matching := slices.DeleteFunc(cases(), func(c benchCase) bool { return c.name != name })
		if len(matching) == 0 {
			matching = slices.DeleteFunc(cases(), func(c benchCase) bool { return !strings.HasPrefix(c.name, name) })
		}
		if len(matching) == 0 {
			return nil, fmt.Errorf("case %q not found: -h lists them", name)
		}
		chosen = append(chosen, matching...)
	}
	return chosen, nil
}

// bench prepares one workshop for all cases, measures the chosen ones and prints their table.
func bench(ctx context.Context, opts options) (err error) {
	var chosen []benchCase
	if !opts.rounds() {
		if chosen, err = choose(opts.names); err != nil {
			return err
		}
	}
	if opts.runs == 0 {
		opts.runs = 7
		if opts.base != "" {
			opts.runs = 21
		}
	}
	w, err := newWorkshop(ctx, opts, os.Stderr)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	if opts.rounds() {
		return printRounds(ctx, w, os.Stdout)
	}
	var table []measurement
	for _, c := range chosen {
		fmt.Fprintf(os.Stderr, "measuring %s: %s\n", c.name, c.about)
		measured, err := c.measure(ctx, w, opts)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", c.name, err)
		}
		table = append(table, measured)
	}
	if opts.base != "" {
		printPairs(os.Stdout, opts.base, table)
		return nil
	}
	printTable(os.Stdout, table)
	return nil
}
