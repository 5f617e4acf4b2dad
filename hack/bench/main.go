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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	runs := flag.Int("runs", 7, "measured runs of each command, after one warm-up; long cases have 5 at most")
	verbose := flag.Bool("v", false, "print every run")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: hack/bench/run [-runs N] [-v] [CASE...]\n       hack/bench/run rounds")
		flag.PrintDefaults()
		for _, c := range cases() {
			fmt.Fprintf(os.Stderr, "  case %-14s %s\n", c.name, c.about)
		}
		fmt.Fprintln(os.Stderr, "  rounds              the round trips of one cached build over the slow link, instead of a comparison")
	}
	flag.Parse()
	if err := bench(ctx, options{runs: *runs, verbose: *verbose, names: flag.Args()}); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type options struct {
	runs    int
	verbose bool
	names   []string // the cases to measure; all when empty
}

// bench prepares one workshop for all cases, measures the chosen ones and prints their table.
func bench(ctx context.Context, opts options) (err error) {
	rounds := slices.Equal(opts.names, []string{"rounds"})
	chosen := slices.DeleteFunc(cases(), func(c benchCase) bool {
		return len(opts.names) > 0 && !slices.Contains(opts.names, c.name)
	})
	if len(chosen) == 0 && !rounds {
		return fmt.Errorf("no case is named %q: -h lists them", opts.names)
	}
	w, err := newWorkshop(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	if rounds {
		return printRounds(ctx, w, os.Stdout)
	}
	if err := w.createBuildx(ctx); err != nil {
		return err
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
	printTable(os.Stdout, table)
	return nil
}
