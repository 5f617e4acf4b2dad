package explain

import (
	"slices"
	"testing"
)

func TestClosest(t *testing.T) {
	words := []string{"build", "list", "du", "logs", "login", "info", "install", "tag", "tags"}
	for word, want := range map[string][]string{
		"biuld": {"build"}, "buld": {"build"}, "lsit": {"list"}, "lst": {"list"}, "ps": nil, "rm": nil, "run": nil, "d": nil, "dx": nil,
		"tgs": {"tags"}, "inst": {"install"}, "in": nil, "instal": {"install"}, "BUILDS": {"build"}, "": nil, "frobnicate": nil,
	} {
		if got := Closest(word, words); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
