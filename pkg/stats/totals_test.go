package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func sample() []Build {
	return []Build{
		{Ref: "a", Builder: "team", Member: "team-0", User: "ada", Context: "app", State: Succeeded, Duration: 10 * time.Second, Steps: 10, Cached: 5,
			Ran: []Step{{"[build] RUN make", 4 * time.Second}, {"[build] COPY . .", time.Second}}},
		{Ref: "b", Builder: "team", Member: "team-1", User: "ada", Context: "lib", State: Failed, Duration: 20 * time.Second, Queued: true, Wait: 20 * time.Second,
			Steps: 10, Cached: 9, Ran: []Step{{"[build] RUN make", 8 * time.Second}}},
		{Ref: "c", Builder: "team", Member: "team-1", User: "bob", Context: "app", State: Canceled, Duration: time.Hour, Steps: 5},
		{Ref: "d", Builder: "team", Member: "team-10", Context: "app", State: Running, Steps: 7},
		{Ref: "e", Builder: "arm", Member: "arm", State: Waiting},
		{Ref: "a", Builder: "team", Member: "team-2", State: Failed, Duration: time.Hour, Steps: 100}, // a's record on a copy of its volume
	}
}

func TestSum(t *testing.T) {
	got := Sum(sample(), ByMember)
	rate := 0.56
	want := Totals{
		Builds: 5, Succeeded: 1, Failed: 1, Canceled: 1, Running: 1, Waiting: 1, Steps: 25, CachedSteps: 14, HitRate: &rate,
		Duration: &Spread{P50: 10, P95: 20, Max: 20}, Queued: 1, Wait: &Spread{P50: 20, P95: 20, Max: 20},
	}
	if text(t, got.All) != text(t, want) {
		t.Errorf("got  %s\nwant %s", text(t, got.All), text(t, want))
	}
	steps := []StepTotals{{Name: "[build] RUN make", Runs: 2, Total: 12, P95: 8}, {Name: "[build] COPY . .", Runs: 1, Total: 1, P95: 1}}
	if !slices.Equal(got.Steps, steps) {
		t.Errorf("got steps %+v", got.Steps)
	}
	for by, want := range map[By]string{
		ByMember:  "arm:1 team-0:1 team-1:2 team-10:1",
		ByBuilder: "arm:1 team:4",
		ByUser:    "ada:2 unknown:2 bob:1",
		ByContext: "app:3 lib:1 unknown:1",
	} {
		var names []string
		for _, group := range Sum(sample(), by).Groups {
			names = append(names, fmt.Sprintf("%s:%d", group.Name, group.Builds))
		}
		if strings.Join(names, " ") != want || !by.Known() || !strings.Contains(Groupings(), string(by)) {
			t.Errorf("by %s: got %s, want %s", by, names, want)
		}
	}
	if empty := Sum(nil, ByMember); empty.All.HitRate != nil || empty.All.Duration != nil || len(empty.Groups) != 0 {
		t.Errorf("of none: %+v", empty)
	}
}

func TestPercentiles(t *testing.T) {
	var hundred []time.Duration
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i)*time.Second)
	}
	for _, test := range []struct {
		durations []time.Duration
		want      Spread
	}{
		{hundred, Spread{P50: 50, P95: 95, Max: 100}},
		{hundred[98:], Spread{P50: 1, P95: 2, Max: 2}},
		{[]time.Duration{1234567 * time.Nanosecond}, Spread{P50: 0.001, P95: 0.001, Max: 0.001}},
	} {
		if got := spread(slices.Clone(test.durations)); *got != test.want {
			t.Errorf("of %d: got %+v, want %+v", len(test.durations), *got, test.want)
		}
	}
}

// Whatever a daemon reports: no number is negative, not a number or without a bound, a share is
// between 0 and 1, and what is kept does not grow with the number of names.
func TestAbsurdNumbers(t *testing.T) {
	var builds []Build
	for i, duration := range []time.Duration{math.MinInt64, -1, 0, math.MaxInt64} {
		for _, count := range []int{math.MinInt32, -1, 0, 3, math.MaxInt32} {
			build := Build{
				Ref: fmt.Sprint(i, count), State: Failed, Duration: duration, Queued: true, Wait: -duration, Steps: count, Cached: math.MaxInt32 - count,
			}
			for range 50 {
				build.Ran = append(build.Ran, Step{fmt.Sprint(len(build.Ran)), duration})
			}
			builds = append(builds, build)
		}
	}
	many := Build{Ref: "many", State: Succeeded}
	for i := range 2 * maxNames { // the slowest ones come too late to be told apart
		many.Ran = append(many.Ran, Step{fmt.Sprint("step ", i), time.Duration(i) * time.Millisecond})
	}
	got := Sum(append(builds, many), ByUser)
	if len(got.Steps) != maxSteps || slices.ContainsFunc(got.Steps, func(s StepTotals) bool { return s.Name == fmt.Sprint("step ", 2*maxNames-1) }) {
		t.Errorf("%d steps: %v", len(got.Steps), got.Steps)
	}
	numbers := []float64{*got.All.HitRate * longest.Seconds()}
	for _, s := range []*Spread{got.All.Duration, got.All.Wait} {
		numbers = append(numbers, s.P50, s.P95, s.Max)
	}
	for _, step := range got.Steps {
		numbers = append(numbers, step.P95, step.Total/float64(step.Runs))
	}
	for _, number := range numbers {
		if !(number >= 0 && number <= longest.Seconds()) {
			t.Errorf("got %v", number)
		}
	}
	if got.All.CachedSteps > got.All.Steps || got.All.CachedSteps < 0 {
		t.Errorf("%d of %d steps", got.All.CachedSteps, got.All.Steps)
	}
	for _, seconds := range numbers {
		if shown := Seconds(seconds); strings.HasPrefix(shown, "-") {
			t.Errorf("%v is shown as %s", seconds, shown)
		}
	}
}

func TestTexts(t *testing.T) {
	third := 1.0 / 3
	for got, want := range map[string]string{
		Seconds(0): "0.0s", Seconds(59.94): "59.9s", Seconds(190): "3m10s", Seconds(1e12): "11574074d", Rate(nil): "-", Rate(&third): "33.3%",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if p50, p95, most := (*Spread)(nil).Text(); p50+p95+most != "---" {
		t.Errorf("got %s %s %s", p50, p95, most)
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}
