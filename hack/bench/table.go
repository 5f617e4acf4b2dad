package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// run is what one command took.
type run struct {
	wall time.Duration
	peak int64 // memory, in bytes, of all its processes together; 0 if it was not weighed
}

// row is one client of one case.
type row struct {
	client client
	runs   []run
}

// measurement is a case with its rows; the first is ours.
type measurement struct {
	benchCase
	rows []row
}

func (r row) seconds() float64 {
	return median(r.runs, func(one run) float64 { return one.wall.Seconds() })
}

func (r row) mebibytes() float64 {
	return median(r.runs, func(one run) float64 { return float64(one.peak) / (1 << 20) })
}

func median(runs []run, value func(run) float64) float64 {
	values := make([]float64, len(runs))
	for i, one := range runs {
		values[i] = value(one)
	}
	slices.Sort(values)
	return middle(values)
}

// middle is the median of values in ascending order.
func middle(values []float64) float64 {
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// printTable prints medians in Markdown, with their range, and the ratio of ours to the better peer's.
func printTable(w io.Writer, table []measurement) {
	fmt.Fprintf(w, "| case | %s | %s | %s | ours ÷ better peer | bar |\n|---|---|---|---|---|---|\n", ours, buildx, buildctl)
	for _, m := range table {
		printLine(w, m, m.about, m.bar, row.seconds, func(r row) string {
			times := make([]float64, len(r.runs))
			for i, one := range r.runs {
				times[i] = one.wall.Seconds()
			}
			return fmt.Sprintf("%.3f s (%.3f–%.3f)", r.seconds(), slices.Min(times), slices.Max(times))
		})
		if m.memory > 0 {
			printLine(w, m, m.about+", the client's peak memory", m.memory, row.mebibytes, func(r row) string {
				return fmt.Sprintf("%.0f MiB", r.mebibytes())
			})
		}
	}
}

func printLine(w io.Writer, m measurement, name string, bar float64, value func(row) float64, text func(row) string) {
	cells := map[client]string{}
	var peers []float64
	for i, r := range m.rows {
		cells[r.client] = text(r)
		if i > 0 {
			peers = append(peers, value(r))
		}
	}
	ratio := value(m.rows[0]) / slices.Min(peers)
	fmt.Fprintf(w, "| %s |", name)
	for _, c := range []client{ours, buildx, buildctl} {
		if cells[c] == "" {
			cells[c] = "–"
		}
		fmt.Fprintf(w, " %s |", cells[c])
	}
	fmt.Fprintf(w, " %.2f |", ratio)
	switch {
	case bar == 0:
		fmt.Fprintln(w, " – |")
	case ratio <= bar:
		fmt.Fprintf(w, " ≤ %.2f |\n", bar)
	default:
		fmt.Fprintf(w, " ≤ %.2f MISSED |\n", bar)
	}
}
