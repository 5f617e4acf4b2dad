package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// printReport prints a table in Markdown, one column for each contender, what was lost, and what limits the load.
func printReport(w io.Writer, o options, all []figures) {
	row := func(name string, value func(figures) string) {
		fmt.Fprintf(w, "| %s |", name)
		for _, f := range all {
			fmt.Fprintf(w, " %s |", value(f))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d clients, %d members on %d nodes, %v of arrivals, %d projects, seed %d\n\n", o.shape.clients, o.shape.members, all[0].nodes, o.shape.duration, projects, o.shape.seed)
	row("", func(f figures) string { return f.contender })
	fmt.Fprintln(w, "|---|"+strings.Repeat("---|", len(all)))
	row("builds done", func(f figures) string { return fmt.Sprintf("%d of %d", len(f.took), len(f.outcomes)) })
	row("lost", func(f figures) string { return fmt.Sprint(len(f.lost)) })
	row("builds per minute", func(f figures) string { return fmt.Sprintf("%.1f", f.perMinute) })
	row("time of a build, p50 / p99", func(f figures) string { return both(f.took) })
	row("begun again after a member was lost", func(f figures) string { return fmt.Sprint(f.repeated) })
	row("at most at once on a member", func(f figures) string { return fmt.Sprintf("%d%s", f.most, limitText(f.limit)) })
	row("wait in the queue, p50 / p99", func(f figures) string { return both(f.waits) })
	row("the same in the ideal queue", func(f figures) string { return orNone(f.limit > 0, both(f.ideal)) })
	row("p99 ÷ ideal p99", func(f figures) string { return byIdeal(f.waits, f.ideal) })
	row("in an ideal queue that loses the members which were not ready", func(f figures) string { return orNone(f.limit > 0, both(f.idealLess)) })
	row("p99 ÷ that p99", func(f figures) string { return byIdeal(f.waits, f.idealLess) })
	row("client's start to its place in the queue, p50 / p99", func(f figures) string { return both(f.asking) })
	row("steps found in the cache", func(f figures) string { return percent(hitRate(f.steps, f.runs)) })
	row("the same on one member", func(f figures) string { return percent(hitRate(f.steps, f.oneRuns)) })
	row("÷ one member's", func(f figures) string { return fmt.Sprintf("%.3f", f.ratio()) })
	row("a client's processor time, median", func(f figures) string { return fmt.Sprintf("%.2f s", quantile(cpus(f.outcomes), 0.5).Seconds()) })
	row("held for a free process, p99", func(f figures) string { return short(quantile(held(f.outcomes), 0.99)) })
	row("machine busy / without a free processor", func(f figures) string {
		return fmt.Sprintf("%s / %s of the time, load average %.1f", percent(f.machine.share()), percent(f.machine.saturated), f.machine.load)
	})
	row("builds not reported by a daemon", func(f figures) string { return fmt.Sprint(f.unseen) })
	fmt.Fprintln(w)
	for _, f := range all {
		f.printLost(w)
	}
	for _, f := range all {
		if o.verbose {
			f.printAttempts(w, f.attempts)
		} else if f.limit > 0 && f.most > f.limit {
			f.printAttempts(w, f.crowd)
		}
		f.printLimit(w)
	}
}

func both(values []time.Duration) string {
	return short(quantile(values, 0.5)) + " / " + short(quantile(values, 0.99))
}

func byIdeal(waits, ideal []time.Duration) string {
	least := quantile(ideal, 0.99)
	return orNone(least > 0, fmt.Sprintf("%.2f", quantile(waits, 0.99).Seconds()/least.Seconds()))
}

func short(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }
func limitText(limit int) string {
	if limit == 0 {
		return ""
	}
	return fmt.Sprintf(" (limit %d)", limit)
}

func held(all []outcome) []time.Duration {
	var values []time.Duration
	for _, o := range all {
		values = append(values, o.held)
	}
	return values
}

func cpus(all []outcome) []time.Duration {
	var values []time.Duration
	for _, o := range all {
		values = append(values, o.cpu)
	}
	return values
}

// orNone returns the text if there is anything to report.
func orNone(is bool, text string) string {
	if !is {
		return "–"
	}
	return text
}

// share is how busy the processors were while it was measured.
func (m machine) share() float64 {
	if m.seconds == 0 || m.processors == 0 {
		return 0
	}
	return m.busy.Seconds() / m.seconds / float64(m.processors)
}

// printLost prints why builds are lost: each reason once, by the last line of the client.
func (f figures) printLost(w io.Writer) {
	reasons := map[string]int{}
	for _, o := range f.lost {
		lines := strings.Split(strings.TrimSpace(o.failure.Error()), "\n")
		reasons[lines[len(lines)-1]]++
	}
	var sorted []string
	for reason := range reasons {
		sorted = append(sorted, reason)
	}
	slices.Sort(sorted)
	for _, reason := range sorted {
		fmt.Fprintf(w, "%s lost %d: %s\n", f.contender, reasons[reason], reason)
	}
}

// printAttempts prints builds as their members saw them, in the order of their first steps, with times in seconds after the
// start.
func (f figures) printAttempts(w io.Writer, attempts []attempt) {
	at := func(moment time.Time) string {
		if moment.IsZero() {
			return "-"
		}
		return fmt.Sprintf("%.3f", moment.Sub(f.start).Seconds())
	}
	attempts = slices.SortedFunc(slices.Values(attempts), func(a, b attempt) int { return a.began.Compare(b.began) })
	for _, a := range attempts {
		fmt.Fprintf(w, "%s: build %s on %s: queued %s, created %s, began %s, ended %s, lost %s\n", f.contender, a.job, a.pod,
			at(a.queued), at(a.created), at(a.began), at(a.ended), at(a.lost))
		for _, t := range f.tickets[a.ref] {
			fmt.Fprintf(w, "  %s %s to %s\n", t.state, at(t.from), at(t.to))
		}
	}
}

// printLimit prints what the members could do by their places, and the machine by its processors: the smaller is the limit.
func (f figures) printLimit(w io.Writer) {
	done := len(f.took)
	if done == 0 || len(f.service) == 0 {
		return
	}
	var sum time.Duration
	for _, each := range f.service {
		sum += each
	}
	perBuild := sum.Seconds() / float64(done)
	processor := f.machine.busy.Seconds() / float64(done)
	fmt.Fprintf(w, "%s: a build takes a place for %.1f s and %.2f s of the processors (of all that runs on the machine)", f.contender, perBuild, processor)
	if f.limit > 0 {
		fmt.Fprintf(w, "; %d places could do %.0f builds a minute", f.members*f.limit, 60*float64(f.members*f.limit)/perBuild)
	}
	fmt.Fprintf(w, "; %d processors could do %.0f.\n", f.machine.processors, 60*float64(f.machine.processors)/processor)
}
