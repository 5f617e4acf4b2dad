package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// A build and its tickets and claims are one, also over a new connection; ended builds are none.
func TestActiveBuildsAreListedOnce(t *testing.T) {
	d := newDaemon(t)
	runs := func(ref, target string, ago int) *controlapi.BuildHistoryRecord {
		record := entry(ref, ago, 0)
		record.CompletedAt, record.FrontendAttrs = nil, map[string]string{"target": target}
		return record
	}
	ticket := func(state queue.State, user, build, resumes string) queue.Ticket {
		return queue.Ticket{State: state, User: user, Build: build, Name: "of-" + build, Resumes: resumes}
	}
	named := runs("foreign", "other", 40)
	named.Exporters = []*controlapi.Exporter{{Type: "image", Attrs: map[string]string{"name": "https://u:hunter2@host/app"}}}
	d.records = []*controlapi.BuildHistoryRecord{
		named, entry("ended", 90, 5),
		ticketEntry("k1", ticket(queue.Claimed, "ann", "lost", ""), 31, 0), runs("lost", "web", 30),
		ticketEntry("k2", ticket(queue.Resumed, "ann", "again", "lost"), 5, 0), runs("again", "web", 4),
		ticketEntry("k3", ticket(queue.Claimed, "bob", "begins", ""), 0, 0),
		ticketEntry("t1", ticket(queue.Waiting, "ann", "second", ""), 25, 0),
		ticketEntry("t2", ticket(queue.Waiting, "cid", "first", ""), 15, 0),
	}
	active, err := ListActive(t.Context(), d.start(t))
	if err != nil {
		t.Fatal(err)
	}
	text := func(builds []ActiveBuild) (lines []string) {
		for _, b := range builds {
			lines = append(lines, fmt.Sprint(b.Ref, " ", b.Name, " ", b.User, " ", b.For.Round(5*time.Second)))
		}
		return lines
	}
	if got, want := text(active.Running), []string{"foreign https://***@host/app  40s", "again web ann 5s", "begins of-begins bob 0s"}; !slices.Equal(got, want) {
		t.Errorf("got %q run, want %q", got, want)
	}
	if got, want := text(active.Waiting), []string{"first of-first cid 15s", "second of-second ann 25s"}; !slices.Equal(got, want) {
		t.Errorf("got %q wait, want %q", got, want)
	}
}

// A daemon that does not end its list holds the client for a bounded time.
func TestListOfActiveBuildsThatDoesNotEnd(t *testing.T) {
	d := newDaemon(t)
	d.onList = func(ctx context.Context) { <-ctx.Done() }
	_, err := listActive(t.Context(), d.start(t), 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "did not list its builds within 50ms") {
		t.Errorf("got %v", err)
	}
}
