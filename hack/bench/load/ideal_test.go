package main

import (
	"slices"
	"testing"
	"time"
)

func at(seconds int) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(seconds) * time.Second)
}

func TestIdealWaits(t *testing.T) {
	for _, test := range []struct {
		name    string
		places  int
		arrived []int
		service []int
		want    []int
		away    [][2]int // of the first place
	}{
		{"an empty queue", 1, nil, nil, nil, nil},
		{"one place, all at once", 1, []int{0, 0, 0}, []int{3, 2, 1}, []int{0, 3, 5}, nil},
		{"two places", 2, []int{0, 0, 1, 1}, []int{4, 2, 2, 2}, []int{0, 0, 1, 3}, nil},
		{"gaps", 1, []int{0, 10, 11}, []int{2, 2, 2}, []int{0, 0, 1}, nil},
		{"the order of arrival, not of the list", 1, []int{1, 0}, []int{1, 5}, []int{4, 0}, nil},
		{"a short one never overtakes", 1, []int{0, 1, 2}, []int{5, 5, 1}, []int{0, 4, 8}, nil},
		{"a member is away", 1, []int{0, 1, 9}, []int{2, 2, 1}, []int{0, 5, 0}, [][2]int{{1, 4}, {4, 6}}},
		{"the other one takes all", 2, []int{0, 0, 3}, []int{2, 3, 1}, []int{0, 2, 2}, [][2]int{{0, 7}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var tickets []ticket
			for i := range test.arrived {
				tickets = append(tickets, ticket{at(test.arrived[i]), time.Duration(test.service[i]) * time.Second})
			}
			places := make([]place, test.places)
			for _, each := range test.away {
				places[0].away = append(places[0].away, interval{at(each[0]), at(each[1])})
			}
			var got []int
			for _, wait := range idealWaits(tickets, places) {
				got = append(got, int(wait/time.Second))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("waits %v, want %v", got, test.want)
			}
		})
	}
}

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		name  string
		times [][2]int
		want  int
		when  int
	}{
		{"none", nil, 0, 0},
		{"one", [][2]int{{1, 2}}, 1, 1},
		{"one begins when another ends", [][2]int{{1, 2}, {2, 3}}, 1, 1},
		{"two of three", [][2]int{{1, 4}, {3, 6}, {5, 7}}, 2, 3},
		{"one within another, and a third", [][2]int{{1, 10}, {2, 9}, {4, 5}}, 3, 4},
		{"one that ends before it begins does not count", [][2]int{{1, 10}, {8, 3}, {4, 6}}, 2, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			var intervals []interval
			for _, each := range test.times {
				intervals = append(intervals, interval{at(each[0]), at(each[1])})
			}
			most, when := overlap(intervals)
			if most != test.want || most > 0 && !when.Equal(at(test.when)) {
				t.Errorf("%d at %v, want %d at %v", most, when, test.want, at(test.when))
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, test := range []struct {
		values []time.Duration
		share  float64
		want   time.Duration
	}{
		{nil, 0.99, 0}, {hundred, 0.99, 99}, {hundred, 0.5, 50}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]time.Duration{7}, 0.99, 7}, {[]time.Duration{1, 2, 3}, 0.5, 2},
	} {
		if got := quantile(test.values, test.share); got != test.want {
			t.Errorf("quantile %v of %d values is %d, want %d", test.share, len(test.values), got, test.want)
		}
	}
}

func TestHitRate(t *testing.T) {
	a, b, c := step{key: "a"}, step{key: "b"}, step{key: "c"}
	steps, runs := oneMember([]job{{steps: []step{a, b}}, {steps: []step{a, b}}, {steps: []step{a, c}}})
	if steps != 6 || runs != 3 {
		t.Errorf("one member runs %d of %d steps, want 3 of 6", runs, steps)
	}
	if got := hitRate(8, 2); got != 0.75 {
		t.Errorf("hit rate %v, want 0.75", got)
	}
	if got := hitRate(0, 0); got != 0 {
		t.Errorf("hit rate of no steps: %v", got)
	}
}
