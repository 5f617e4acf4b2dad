package cluster_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// The API server's clock counts, not this machine's.
func TestCertificatesGoByTheServersClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		server time.Duration // how far its clock is ahead of this machine's
		age    time.Duration // of the certificates, by the server's clock
		usable bool
	}{
		"the same clocks":                           {0, day, true},
		"this machine is a year behind":             {400 * day, day, true},
		"this machine is a year ahead":              {-400 * day, day, true},
		"they have ended, by the server's clock":    {400 * day, trust.Lifetime + day, false},
		"they have not begun, by the server's":      {-400 * day, -2 * day, false},
		"this machine is two hours behind, just so": {2 * time.Hour, 0, true},
	} {
		server := testcluster.New(t)
		server.Ahead = test.server
		server.InstallWith(spec(), testcluster.Issue(t, time.Now().Add(test.server-test.age)))
		client := clientOf(t, server)
		_, connection, err := resolve(t, client, "buildkitd", cluster.Selection{})
		var expired *cluster.ExpiredError
		if (err == nil) != test.usable || err != nil && !errors.As(err, &expired) {
			t.Errorf("%s: %v", name, err)
		}
		if off := (client.Skew() + test.server).Abs(); off > 2*time.Minute || (client.Skew() == 0) != (test.server == 0) {
			t.Errorf("%s: skew %s", name, client.Skew())
		}
		if connection != nil {
			if _, err := connection.TLS(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A Pod that has ended certificates is told from one that has others.
func TestUntrusted(t *testing.T) {
	const day = 24 * time.Hour
	server := testcluster.New(t)
	server.InstallWith(spec(), testcluster.Issue(t, time.Now().Add(-306*day)))
	client := clientOf(t, server)
	_, connection, err := resolve(t, client, "buildkitd", cluster.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	member := cluster.Member{Builder: "buildkitd", Namespace: "team", Pod: "buildkitd"}
	var expired *cluster.ExpiredError
	err = client.Untrusted(member, testcluster.Handshake(connection, testcluster.Issue(t, time.Now().Add(-366*day))))
	if !errors.As(err, &expired) || expired.Pod != "buildkitd" || time.Since(expired.End).Round(day) != day {
		t.Errorf("ended: %v", err)
	}
	var untrusted *cluster.UntrustedError
	for name, other := range map[string]*trust.Certificates{"others": testcluster.Issue(t, time.Now()), "to come": testcluster.Issue(t, time.Now().Add(9*day))} {
		if err := client.Untrusted(member, testcluster.Handshake(connection, other)); !errors.As(err, &untrusted) || errors.As(err, &expired) && expired.End.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who reads the client's Secret knows the limit of builds; nonsense in it limits nothing.
func TestConnectionHasTheLimitOfBuilds(t *testing.T) {
	for written, want := range map[int32]int32{0: 0, 4: 4, -1: 0} {
		server := testcluster.New(t)
		limited := spec()
		limited.MaxBuilds = written
		server.InstallWith(limited, testcluster.Issue(t, time.Now()))
		_, connection, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
		if err != nil || connection.MaxBuilds != want {
			t.Errorf("%d: %+v (%v)", written, connection, err)
		}
	}
}
