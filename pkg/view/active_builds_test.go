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
	introduction := Introduction{Info: &solve.Info{}, Connection: &cluster.Connection{Expires: noon()}}
	if active != nil {
		introduction.Builds = &driver.MemberBuilds{Active: *active, Limit: limit}
	}
	heard := []driver.Answer[Introduction]{{Member: cluster.Member{Pod: "team-0", Node: "n1"}, Value: introduction}}
	var text strings.Builder
	if err := printInfo(&text, "team", "ns", Builder("team", "ns", heard, nil, nil, nil).Items[0].Fields.(builderFields), wide, noon()); err != nil {
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
	text, err := json.Marshal(newActiveFields(driver.MemberBuilds{Active: history.Active{Waiting: activeBuilds("bob")}, Limit: 3}))
	want := `{"limit":3,"running":[],"waiting":[{"ref":"ref0","name":"example.com/app:bob","user":"bob","since":"2026-01-02T11:59:00Z","seconds":60,"place":1}]}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}

// The list has how many builds run and wait on each builder, of those of its members that have
// listed them.
func TestListOfBuilds(t *testing.T) {
	of := func(limit int32, running, waiting int) driver.MemberBuilds {
		active := history.Active{Running: activeBuilds(make([]string, running)...), Waiting: activeBuilds(make([]string, waiting)...)}
		return driver.MemberBuilds{Active: active, Limit: limit}
	}
	member := func(pod string) cluster.Member { return cluster.Member{Pod: pod, UID: pod} }
	builders := []cluster.Builder{
		{Name: "team", Namespace: "ns", Desired: 3, Members: []cluster.Member{member("team-0"), member("team-1"), member("team-2")}},
		{Name: "free", Namespace: "ns", Desired: 1, Members: []cluster.Member{member("free")}},
		{Name: "gone", Namespace: "ns", Desired: 1},
	}
	listed := map[string]driver.MemberBuilds{"team-0": of(4, 3, 0), "team-2": of(4, 4, 2), "free": of(0, 1, 0)}
	answer := Builders(builders, false, listed, noon())
	for i, want := range []string{"7/8 2 team-0:3+0,team-1:?,team-2:4+2", "1 0 free:1+0", "<unknown> <unknown> <none>"} {
		cells := answer.Items[i].Cells
		if got := fmt.Sprintln(cells[len(cells)-3:]...); strings.TrimSpace(got) != want || len(cells) != len(answer.Columns) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if members := answer.Items[0].Fields.(builderFields).Members; members[1].Builds != nil || len(members[2].Builds.Waiting) != 2 {
		t.Errorf("for programs: %+v", members)
	}
	if plain := Builders(builders, false, nil, noon()); len(plain.Columns) != len(answer.Columns)-3 || len(plain.Items[0].Cells) != len(plain.Columns) {
		t.Errorf("not asked: %+v", plain.Columns)
	}
}
