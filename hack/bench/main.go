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
	runs := flag.Int("runs", 7, "measured runs of each command, after one warm-up")
	verbose := flag.Bool("v", false, "print every run")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: hack/bench/run [-runs N] [-v] [CASE...]")
		flag.PrintDefaults()
		for _, c := range cases() {
			fmt.Fprintf(os.Stderr, "  case %-8s %s\n", c.name, c.about)
		}
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
	chosen := slices.DeleteFunc(cases(), func(c benchCase) bool {
		return len(opts.names) > 0 && !slices.Contains(opts.names, c.name)
	})
	if len(chosen) == 0 {
		return fmt.Errorf("no case is named %q: -h lists them", opts.names)
	}
	w, err := newWorkshop(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer w.close(ctx)
	var table []row
	for _, c := range chosen {
		fmt.Fprintf(os.Stderr, "measuring %s: %s\n", c.name, c.about)
		rows, err := c.measure(ctx, w, opts)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", c.name, err)
		}
		table = append(table, rows...)
	}
	printTable(os.Stdout, table)
	return nil
}
