package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// ticketEntry is a record of the queue, open if it took no time.
func ticketEntry(ref string, ticket queue.Ticket, ago, took int) *controlapi.BuildHistoryRecord {
	record := entry(ref, ago, took)
	record.Frontend, record.FrontendAttrs, record.NumTotalSteps = "", ticket.Attributes(), 0
	record.Error = &spb.Status{Code: int32(codes.Canceled), Message: "context canceled"}
	if took == 0 {
		record.CompletedAt, record.Error = nil, nil
	}
	return record
}

func TestBuildsThatWait(t *testing.T) {
	d := newDaemon(t)
	claim := func(user, build string) queue.Ticket {
		return queue.Ticket{State: queue.Claimed, User: user, Build: build, Queued: daemonTime().Add(-100 * time.Second)}
	}
	waits := func(user, build string) queue.Ticket {
		return queue.Ticket{State: queue.Waiting, User: user, Build: build, Name: "example.com/" + build}
	}
	running := entry("runs", 30, 0)
	running.CompletedAt = nil
	pretends := entry("pretends", 20, 0)
	pretends.CompletedAt, pretends.FrontendAttrs = nil, waits("eve", "runs").Attributes()
	d.records = []*controlapi.BuildHistoryRecord{
		running, ticketEntry("k1", claim("ann", "runs"), 31, 0), ticketEntry("k9", claim("eve", "runs"), 10, 0),
		entry("done", 60, 10), ticketEntry("k2", claim("bob", "done"), 61, 11),
		ticketEntry("t1", waits("ann", "second"), 25, 0), ticketEntry("t2", waits("bob", "first"), 15, 0),
		ticketEntry("t3", waits("bob", "gaveup"), 90, 30),
		ticketEntry("t4", waits("cid", "removed"), 80, 10), ticketEntry("k4", claim("cid", "removed"), 70, 10),
		entry("foreign", 50, 5), pretends,
	}
	records, err := List(t.Context(), d.start(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %s %s %d %v %v", r.Ref, r.Status, r.User, r.Place, r.Waited.Round(5*time.Second), r.Duration.Round(5*time.Second)))
	}
	want := []string{
		"first waiting bob 1 15s 0s", "pretends running  0 0s 20s", "second waiting ann 2 25s 0s", "runs running ann 0 1m10s 30s",
		"foreign completed  0 0s 5s", "done completed bob 0 40s 10s", "gaveup canceled bob 0 30s 0s",
	}
	for i := range got { // the daemon's clock goes on
		if i < len(want) && got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	if refs := records[3].Refs(); !slices.Equal(refs, []string{"runs", "k1", "k9"}) {
		t.Errorf("the records of a build are %q", refs)
	}
	if refs := records[0].Refs(); !slices.Equal(refs, []string{"t2"}) || records[0].Name != "example.com/first" {
		t.Errorf("the records of a build that waits are %q, its name is %q", refs, records[0].Name)
	}
	filters, err := ParseFilters([]string{"status=waiting"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if waiting := slices.DeleteFunc(records, func(r Record) bool { return !filters.match(r) }); len(waiting) != 2 {
		t.Errorf("%d builds wait", len(waiting))
	}
	if _, err := Draw(t.Context(), nil, records[0]); err == nil {
		t.Error("a build that waits has a report")
	}
}
