package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func activeBuilds(users ...string) (builds []history.ActiveBuild) {
	for i, user := range users {
		length := time.Duration(len(users)-i) * time.Minute
		builds = append(builds, history.ActiveBuild{Ref: fmt.Sprint("ref", i), Name: "example.com/app:" + user, User: user, Since: noon().Add(-length), For: length})
	}
	return builds
}

// builds is the part of info that is about the builds.
func builds(t *testing.T, active *history.Active, limit int32, wide bool) string {
	t.Helper()
	heard := []driver.Answer[Introduction]{{
		Member: cluster.Member{Pod: "team-0", Node: "n1"},
		Value:  Introduction{Info: &solve.Info{}, Connection: &cluster.Connection{MaxBuilds: limit, Expires: noon()}, Active: active},
	}}
	var text strings.Builder
	if err := printInfo(&text, "team", "ns", Builder("team", "ns", heard, nil, "", nil).Items[0].Fields.(builderFields), wide, noon()); err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(text.String(), "Builds:")
	found, _, _ := strings.Cut(after, "Platforms:")
	return strings.Join(strings.Fields(found), " ")
}

// Info shows which builds run and which wait, whose they are and for how long.
func TestBuildsOfAMember(t *testing.T) {
	two := &history.Active{Running: activeBuilds("ann", ""), Waiting: activeBuilds("bob", "ann")}
	many := &history.Active{Waiting: activeBuilds(strings.Split(strings.Repeat("ann ", 12), " ")[:12]...)}
	for name, c := range map[string]struct {
		active *history.Active
		limit  int32
		wide   bool
		want   string
	}{
		"a queue": {two, 2, false, "2 of at most 2 running, 2 waiting running: ann, example.com/app:ann, for 2m0s running: another client, example.com/app:, for 1m0s " +
			"place 1: bob, example.com/app:bob, for 2m0s place 2: ann, example.com/app:ann, for 1m0s"},
		"no limit": {&history.Active{Running: activeBuilds("")}, 0, false, "1 running running: example.com/app:, for 1m0s"},
		"nothing":  {&history.Active{}, 1, false, "0 of at most 1 running, 0 waiting"},
		"no list":  {nil, 1, false, "<unknown>"},
	} {
		if got := builds(t, c.active, c.limit, c.wide); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if text := builds(t, many, 1, false); strings.Count(text, "place") != 10 || !strings.HasSuffix(text, "…: and 2 more") {
		t.Errorf("of twelve: %q", text)
	}
	if text := builds(t, many, 1, true); strings.Count(text, "place") != 12 {
		t.Errorf("of twelve, wide: %q", text)
	}
}

func TestBuildsOfAMemberForPrograms(t *testing.T) {
	text, err := json.Marshal(newActiveFields(&history.Active{Waiting: activeBuilds("bob")}, 3))
	want := `{"limit":3,"running":[],"waiting":[{"ref":"ref0","name":"example.com/app:bob","user":"bob","since":"2026-01-02T11:59:00Z","seconds":60,"place":1}]}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}
