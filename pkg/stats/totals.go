package stats

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Summary is the sum of builds.
type Summary struct {
	All    Totals
	Groups []Group // by name; users and contexts with most builds first
	Steps  []StepTotals
}

// Group are the totals of the builds that have something in common.
type Group struct {
	Name string
	Totals
}

// Totals are the numbers of some builds. Counts are of builds unless they say otherwise.
type Totals struct {
	Builds    int `json:"builds"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Canceled  int `json:"canceled"`
	Running   int `json:"running"`
	Waiting   int `json:"waiting"`
	// Steps are those of builds that ended.
	Steps       int `json:"steps"`
	CachedSteps int `json:"cachedSteps"`
	// HitRate is CachedSteps/Steps, from 0 to 1; nil without steps.
	HitRate *float64 `json:"hitRate,omitempty"`
	// Duration is of builds that succeeded or failed, without the time in the queue.
	Duration *Spread `json:"durationSeconds,omitempty"`
	// Queued is the number of builds that waited in the queue, Wait how long they did.
	Queued int     `json:"queued"`
	Wait   *Spread `json:"waitSeconds,omitempty"`
}

// Spread describes durations, in seconds: half of them are at most P50, 95 % at most P95.
type Spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	Max float64 `json:"max"`
}

// Text returns P50, P95 and Max as text; "-" each without durations.
func (s *Spread) Text() (p50, p95, longest string) {
	if s == nil {
		return "-", "-", "-"
	}
	return Seconds(s.P50), Seconds(s.P95), Seconds(s.Max)
}

// Seconds returns a duration in seconds as text, e.g. "4.2s" or "3m10s".
func Seconds(seconds float64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%.1fs", seconds)
	case seconds < longest.Seconds():
		return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
	}
	return fmt.Sprintf("%.0fd", seconds/(24*time.Hour).Seconds())
}

// Rate returns a share as text, e.g. "83.3%"; "-" without one.
func Rate(share *float64) string {
	if share == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100**share)
}

// StepTotals are the numbers of all runs of one step.
type StepTotals struct {
	Name string `json:"name"`
	// Runs do not include those that the cache had the result of.
	Runs  int     `json:"runs"`
	Total float64 `json:"totalSeconds"`
	P95   float64 `json:"p95Seconds"`
}

// maxSteps is how many steps a Summary has, maxNames how many are told apart: those whose names
// come first. Names are untrusted.
const (
	maxSteps = 100
	maxNames = 20_000
)

// Sum adds the builds up, each reference once, and groups them.
func Sum(builds []Build, by By) Summary {
	all, groups, steps := &counter{}, map[string]*counter{}, map[string][]time.Duration{}
	for _, build := range unique(builds) {
		build = build.clean()
		name := by.of(build)
		if groups[name] == nil {
			groups[name] = &counter{}
		}
		all.add(build)
		groups[name].add(build)
		for _, step := range build.Ran {
			if _, known := steps[step.Name]; known || len(steps) < maxNames {
				steps[step.Name] = append(steps[step.Name], bounded(step.Duration))
			}
		}
	}
	summary := Summary{All: all.totals(), Groups: []Group{}, Steps: slowest(steps)}
	for name, group := range groups {
		summary.Groups = append(summary.Groups, Group{Name: name, Totals: group.totals()})
	}
	slices.SortFunc(summary.Groups, func(a, b Group) int {
		most := 0
		if by == ByUser || by == ByContext {
			most = cmp.Compare(b.Builds, a.Builds)
		}
		return cmp.Or(most, cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return summary
}

// counter collects what Totals are made of.
type counter struct {
	sum              Totals
	durations, waits []time.Duration
}

func (c *counter) add(build Build) {
	c.sum.Builds++
	switch build.State {
	case Succeeded:
		c.sum.Succeeded++
	case Failed:
		c.sum.Failed++
	case Canceled:
		c.sum.Canceled++
	case Waiting:
		c.sum.Waiting++
	default:
		c.sum.Running++
	}
	if build.State != Running && build.State != Waiting {
		c.sum.Steps += build.Steps
		c.sum.CachedSteps += build.Cached
	}
	if build.State == Succeeded || build.State == Failed {
		c.durations = append(c.durations, build.Duration)
	}
	if build.Queued {
		c.waits = append(c.waits, build.Wait)
	}
}

func (c *counter) totals() Totals {
	totals := c.sum
	if totals.Steps > 0 {
		rate := math.Round(float64(totals.CachedSteps)/float64(totals.Steps)*1e4) / 1e4
		totals.HitRate = &rate
	}
	totals.Duration, totals.Queued, totals.Wait = spread(c.durations), len(c.waits), spread(c.waits)
	return totals
}

func spread(durations []time.Duration) *Spread {
	if len(durations) == 0 {
		return nil
	}
	slices.Sort(durations)
	return &Spread{P50: percentile(durations, 50), P95: percentile(durations, 95), Max: percentile(durations, 100)}
}

// percentile returns the smallest of the sorted durations that is at least as long as that many
// percent of them, in seconds.
func percentile(sorted []time.Duration, percent int) float64 {
	rank := (len(sorted)*percent + 99) / 100
	return seconds(sorted[max(rank, 1)-1].Seconds())
}

// seconds are rounded to milliseconds.
func seconds(s float64) float64 { return math.Round(s*1e3) / 1e3 }

// slowest returns the steps that took the most time, all runs added up.
func slowest(steps map[string][]time.Duration) []StepTotals {
	list := make([]StepTotals, 0, len(steps))
	for name, runs := range steps {
		slices.Sort(runs)
		total := 0.0 // a sum of durations may be too large for one
		for _, run := range runs {
			total += run.Seconds()
		}
		list = append(list, StepTotals{Name: name, Runs: len(runs), Total: seconds(total), P95: percentile(runs, 95)})
	}
	slices.SortFunc(list, func(a, b StepTotals) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Name, b.Name))
	})
	return list[:min(len(list), maxSteps)]
}
