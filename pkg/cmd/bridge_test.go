package cmd

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// A member that is asked to go takes no new clients and keeps those it has; when it has gone, they end with the reason.
func TestBridgeLeavesAMemberThatGoes(t *testing.T) {
	streams, _, _, stderr := genericiooptions.NewTestIOStreams()
	b := &bridge{f: newFactory(streams, noEnv)}
	member := cluster.Member{Builder: "team", Namespace: "ns", Pod: "team-0", UID: "1"}
	first := b.know(member, nil)
	if b.know(member, nil) != first || b.current() != first {
		t.Fatal("the same member has two routes")
	}
	near, far := net.Pipe()
	conn := first.carry(near)

	b.observed(first, cluster.Diagnosis{
		Cause: cluster.CauseTerminating, Message: `Pod "team-0" is being deleted`, Until: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local),
	})
	if b.current() != nil {
		t.Error("clients are still led to a member that goes")
	}
	go func() { _, _ = io.WriteString(far, "on") }()
	if n, err := conn.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Errorf("the connection reads %d bytes, %v", n, err)
	}
	b.observed(first, cluster.Diagnosis{Cause: cluster.CauseDeleted, Message: `Pod "team-0" is gone`, Over: true})
	_, err := conn.Read(make([]byte, 1))
	b.report(t.Context(), 3, err)
	if err := errors.Join(conn.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
	want := `builder "team": Pod "team-0" is being deleted; what runs there may end first, until 03:04:05
connection 3: builder "team" was lost: Pod "team-0" is gone
next:  kubectl buildkit install team -n ns, then build again
`
	if stderr.String() != want {
		t.Errorf("told:\n%swant:\n%s", stderr, want)
	}
	member.UID = "2"
	if second := b.know(member, nil); second == first || b.current() != second {
		t.Error("the Pod that took the name is taken for the one that is gone")
	}
}

// What a tunnel says last is a loss of the member that the connection led to, though the next client uses another.
func TestConnectionsTellWhichMemberTheyLost(t *testing.T) {
	for name, err := range map[string]error{
		"lost":    &tunnel.LostError{Pod: "team-0", Reason: "the Pod closed the connection", Err: io.EOF},
		"refused": &tunnel.RefusedError{Pod: "team-0", Port: 1234},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bridge{f: newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv)}
			conn := b.know(cluster.Member{Builder: "team", Pod: "team-0", UID: "1"}, nil).carry(broken{err: err})
			b.know(cluster.Member{Builder: "team", Pod: "team-1", UID: "2"}, nil)
			_, err := conn.Read(nil)
			var told *lostError
			if !errors.As(b.explain(t.Context(), err), &told) || told.member.Pod != "team-0" {
				t.Errorf("explained as %#v", told)
			}
		})
	}
	ended := (&bridge{}).know(cluster.Member{}, nil).carry(broken{err: io.EOF})
	var stranded *strandedError
	if _, err := ended.Read(nil); !errors.Is(err, io.EOF) || errors.As(err, &stranded) {
		t.Errorf("an end in good order reads as %#v", err)
	}
}

// broken is a connection that only fails.
type broken struct {
	net.Conn
	err error
}

func (b broken) Read([]byte) (int, error) { return 0, b.err }
