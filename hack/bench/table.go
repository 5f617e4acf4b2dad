package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is one command of one case. Its ratio is ours divided by this peer's; a bar of 0 means that none is set.
type row struct {
	label   string
	command string
	times   []time.Duration
	ours    bool
	bar     float64
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// printTable prints medians with their range, and beside each peer the ratio of ours to it.
func printTable(w io.Writer, table []row) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "CASE\tCOMMAND\tMEDIAN\tMIN\tMAX\tOURS/PEER\tBAR\t")
	var ours time.Duration
	for _, r := range table {
		m := median(r.times)
		ratio, bar := "-", "-"
		if r.ours {
			ours = m
		} else {
			ratio = fmt.Sprintf("%.2f", float64(ours)/float64(m))
		}
		if r.bar > 0 {
			verdict := "met"
			if float64(ours)/float64(m) > r.bar {
				verdict = "MISSED"
			}
			bar = fmt.Sprintf("%.2f %s", r.bar, verdict)
		}
		fmt.Fprintf(tw, "%s\t%s\t%.3fs\t%.3fs\t%.3fs\t%s\t%s\t\n", r.label, r.command,
			m.Seconds(), slices.Min(r.times).Seconds(), slices.Max(r.times).Seconds(), ratio, bar)
	}
	_ = tw.Flush()
}
