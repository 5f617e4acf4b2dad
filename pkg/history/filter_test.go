package history

import (
	"errors"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestFilters(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	record := Record{
		Ref: "abc", Name: "r.io/app:1", Status: Failed, Created: now.Add(-2 * time.Hour), Ended: now.Add(-time.Hour), Duration: time.Hour,
		entry: &controlapi.BuildHistoryRecord{FrontendAttrs: map[string]string{"vcs:source": "https://r.io/team/app"}},
	}
	for filter, want := range map[string]bool{
		"status=error": true, "status!=error": false, "status=completed": false,
		"ref=bc": true, "ref!=bc": false, "name=app": true, "name=web": false, "repository=team/app": true,
		"duration>59m": true, "duration>=1h": true, "duration>1h": false, "duration<2h": true, "duration<=1h": true,
		"startedAt>3h": true, "startedAt<3h": false, "startedAt>=2026-03-04T10:00:00Z": true, "completedAt<90m": false, "completedAt<30m": true,
	} {
		filters, err := ParseFilters([]string{filter}, now)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := filters.match(record); got != want {
			t.Errorf("%s: got %v", filter, got)
		}
	}
	both, err := ParseFilters([]string{"status=error", "name=web"}, now)
	if err != nil || both.match(record) {
		t.Errorf("one of two filters is enough: %v", err)
	}
}

func TestRunningHasNotEnded(t *testing.T) {
	filters, err := ParseFilters([]string{"completedAt<1h"}, time.Now())
	if err != nil || filters.match(Record{Status: Running}) {
		t.Errorf("a running build has ended: %v", err)
	}
}

func TestWrongFilters(t *testing.T) {
	for _, filter := range []string{"", "status", "status>error", "status=lost", "duration=1m", "duration>soon", "startedAt>yesterday", "size>1", "=x"} {
		_, err := ParseFilters([]string{filter}, time.Now())
		var wrong *usage.Error
		if !errors.As(err, &wrong) || wrong.Value != filter {
			t.Errorf("%q: got %v", filter, err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("status=error")
	f.Add("startedAt>=2026-03-04T10:00:00Z")
	f.Fuzz(func(t *testing.T, typed string) {
		filters, err := ParseFilters([]string{typed}, time.Now())
		if err == nil {
			filters.match(Record{})
		}
	})
}
