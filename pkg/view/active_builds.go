package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

// activeFields are the builds that a member runs, and those that wait for it.
type activeFields struct {
	// Limit is how many of them run at a time; 0 means no limit.
	Limit   int32         `json:"limit"`
	Running []activeBuild `json:"running"`
	Waiting []activeBuild `json:"waiting"`
}

type activeBuild struct {
	Ref  string `json:"ref"`
	Name string `json:"name,omitempty"`
	User string `json:"user,omitempty"`
	// Since is when it has begun or, of one that waits, queued, by the daemon's clock; Seconds is
	// the time since then.
	Since   time.Time `json:"since"`
	Seconds float64   `json:"seconds"`
	// Place is 1 for the first that waits.
	Place int `json:"place,omitempty"`
}

func newActiveFields(active driver.MemberBuilds) *activeFields {
	fields := &activeFields{Limit: active.Limit, Running: []activeBuild{}, Waiting: []activeBuild{}}
	build := func(from history.ActiveBuild, place int) activeBuild {
		return activeBuild{Ref: from.Ref, Name: from.Name, User: from.User, Since: from.Since.UTC(), Seconds: from.For.Seconds(), Place: place}
	}
	for _, each := range active.Running {
		fields.Running = append(fields.Running, build(each, 0))
	}
	for i, each := range active.Waiting {
		fields.Waiting = append(fields.Waiting, build(each, i+1))
	}
	return fields
}

// maxActive is how many builds of a kind are printed, unless more is wanted.
const maxActive = 10

// printActive prints how many builds run and wait, and which.
func printActive(fact func(string, any), builds *activeFields, wide bool) {
	if builds == nil {
		fact("Builds", "<unknown>")
		return
	}
	text := fmt.Sprintf("%d running", len(builds.Running))
	if builds.Limit > 0 {
		text = fmt.Sprintf("%d of at most %d running, %d waiting", len(builds.Running), builds.Limit, len(builds.Waiting))
	}
	fact("Builds", text)
	for _, list := range [][]activeBuild{builds.Running, builds.Waiting} {
		for i, build := range list {
			if i == maxActive && !wide {
				fact("  …", fmt.Sprintf("and %d more", len(list)-i))
				break
			}
			name := "  running"
			if build.Place > 0 {
				name = fmt.Sprintf("  place %d", build.Place)
			}
			fact(name, activeText(build, builds.Limit > 0))
		}
	}
}

// activeText says whose build it is, where builds have users, which, and for how long it is there.
func activeText(build activeBuild, users bool) string {
	var parts []string
	switch {
	case build.User != "":
		parts = append(parts, escape.Line(build.User))
	case users:
		parts = append(parts, "another client")
	}
	parts = output.AppendNew(parts, shortName(build.Name))
	return strings.Join(append(parts, "for "+shortDuration(time.Duration(build.Seconds*float64(time.Second)))), ", ")
}
