package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	for _, test := range []struct{ names, want string }{
		{"", "cached cached-slow tree-slow changed-slow random small install start"},
		{"cached", "cached"},
		{"cached cached-slow tree", "cached cached-slow tree-slow"},
		{"random cached", "random cached"},
	} {
		chosen, err := choose(strings.Fields(test.names))
		var got []string
		for _, c := range chosen {
			got = append(got, c.name)
		}
		if want := strings.Fields(test.want); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q chooses %q, %v, want %q", test.names, got, err, want)
		}
	}
	if _, err := choose([]string{"cached", "cahced"}); err == nil || !strings.Contains(err.Error(), `"cahced"`) {
		t.Errorf("a misspelt case: %v", err)
	}
}

// A moment in which the machine is ten times slower hits both of a pair: the ratio stays.
func TestPairsOutliveSlowMoments(t *testing.T) {
	measured := measurement{benchCase: benchCase{about: "a case"}, rows: make([]row, 2)}
	for i := range 9 {
		slow := time.Duration(1)
		if i > 4 {
			slow = 10
		}
		measured.rows[0].runs = append(measured.rows[0].runs, run{wall: slow * 1100 * time.Millisecond})
		measured.rows[1].runs = append(measured.rows[1].runs, run{wall: slow * time.Second})
	}
	want := "| a case | 1.100 s | 1.000 s | 1.100 (1.100–1.100, 9 pairs) | ≤ 1.05 MISSED |\n"
	if got := pairs(measured); !strings.Contains(got, "| abc123 |") || !strings.HasSuffix(got, want) {
		t.Errorf("%q lacks %q", got, want)
	}
	measured.rows[0], measured.rows[1] = measured.rows[1], measured.rows[0]
	if got := pairs(measured); strings.Contains(got, "MISSED") {
		t.Errorf("a faster one misses: %s", got)
	}
}

func pairs(measured measurement) string {
	var out strings.Builder
	printPairs(&out, "abc123", []measurement{measured})
	return out.String()
}
