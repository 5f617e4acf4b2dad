package driver

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// noting returns a driver for no cluster, and the notices that it passes on.
func noting() (*Driver, *[]string) {
	var notices []string
	access := fixed{config: &rest.Config{Host: "http://127.0.0.1:1"}, namespace: "ns"}
	d := Open(func(string) Access { return access }, func(notice Notice) { notices = append(notices, notice.Text) })
	return d, &notices
}

// A member that is terminating takes no new clients and keeps those it has; when it has ended, they
// end with the reason.
func TestRelayLeavesAMemberThatTerminates(t *testing.T) {
	d, notices := noting()
	r := d.Relay(ConnectOptions{})
	member := cluster.Member{Builder: "team", Namespace: "ns", Pod: "team-0", UID: "1"}
	first := r.know(member, nil)
	if r.know(member, nil) != first || r.current() != first {
		t.Fatal("the same member is two targets")
	}
	near, far := net.Pipe()
	conn := first.carry(near)

	r.observed(first, cluster.Diagnosis{
		Cause: cluster.CauseTerminating, Message: `Pod "team-0" is being deleted`, Until: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local),
	})
	if r.current() != nil {
		t.Error("new clients still get a member that is terminating")
	}
	go func() { _, _ = io.WriteString(far, "on") }()
	if n, err := conn.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Errorf("the connection reads %d bytes, %v", n, err)
	}
	r.observed(first, cluster.Diagnosis{Cause: cluster.CauseDeleted, Message: `Pod "team-0" is gone`, Over: true})
	_, err := conn.Read(make([]byte, 1))
	var lost *LostError
	if err = r.Explain(t.Context(), err); !errors.As(err, &lost) || err.Error() != `builder "team" was lost: Pod "team-0" is gone` {
		t.Errorf("explained as %v", err)
	}
	if err := errors.Join(conn.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
	want := []string{`builder "team": Pod "team-0" is being deleted; what runs there may end first, until 03:04:05`}
	if !slices.Equal(*notices, want) {
		t.Errorf("notices %q, want %q", *notices, want)
	}
	member.UID = "2"
	if second := r.know(member, nil); second == first || r.current() != second {
		t.Error("the Pod that took the name is taken for the one that was deleted")
	}
}

// What a tunnel reports last is a loss of the member that the connection led to, though the next
// client uses another.
func TestConnectionsReportWhichMemberTheyLost(t *testing.T) {
	for name, err := range map[string]error{
		"lost":    &tunnel.LostError{Pod: "team-0", Reason: "the Pod closed the connection", Err: io.EOF},
		"refused": &tunnel.ConnRefusedError{Pod: "team-0", Port: 1234},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := noting()
			r := d.Relay(ConnectOptions{})
			conn := r.know(cluster.Member{Builder: "team", Pod: "team-0", UID: "1"}, nil).carry(broken{err: err})
			r.know(cluster.Member{Builder: "team", Pod: "team-1", UID: "2"}, nil)
			_, err := conn.Read(nil)
			var lost *LostError
			if !errors.As(r.Explain(t.Context(), err), &lost) || lost.Member.Pod != "team-0" {
				t.Errorf("explained as %#v", lost)
			}
		})
	}
	ended := (&Relay{}).know(cluster.Member{}, nil).carry(broken{err: io.EOF})
	var stranded *connError
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
