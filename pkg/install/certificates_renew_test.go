package install_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// aged puts a builder in place whose certificates were issued so long ago.
func aged(t *testing.T, s *testcluster.Cluster, age time.Duration) *trust.Certificates {
	t.Helper()
	certificates := testcluster.Issue(t, time.Now().Add(-age))
	s.InstallWith(spec(), certificates)
	return certificates
}

// accepts reports whether a daemon that was started with these certificates lets the connection in.
func accepts(t *testing.T, connection *cluster.Connection, daemon *trust.Certificates) bool {
	t.Helper()
	return testcluster.Handshake(connection, daemon) == nil
}

func serverSecret(s *testcluster.Cluster) *trust.Certificates {
	secret := &corev1.Secret{}
	s.Read("secrets", "buildkitd-server", secret)
	return manifest.Certificates(secret)
}

func TestRenewKeepsOldAndNewMembersReachable(t *testing.T) {
	server := testcluster.New(t)
	before := aged(t, server, trust.Lifetime-30*24*time.Hour)
	client := clientOf(t, server)
	_, old, err := client.Members(t.Context(), "buildkitd", false)
	if err != nil || !client.RenewalDue(old) {
		t.Fatalf("due: %v", err)
	}
	server.Forget()
	renewed, err := install.Renew(t.Context(), client, "buildkitd")
	if err != nil {
		t.Fatal(err)
	}
	if writes := server.Writes(); !slices.Equal(writes, []string{"PUT secrets/buildkitd-server", "PUT secrets/buildkitd-client"}) {
		t.Errorf("it writes %q", writes)
	}
	after := serverSecret(server)
	_, read, err := client.Members(t.Context(), "buildkitd", false)
	if err != nil {
		t.Fatal(err)
	}
	for name, connection := range map[string]*cluster.Connection{"returned": renewed, "read": read} {
		if !accepts(t, connection, before) || !accepts(t, connection, after) {
			t.Errorf("%s: locked out: of the old daemon %t, of the new %t", name, !accepts(t, connection, before), !accepts(t, connection, after))
		}
		if client.RenewalDue(connection) || !slices.Equal(connection.Members, []string{"buildkitd"}) {
			t.Errorf("%s: %+v", name, connection)
		}
	}
	if !accepts(t, old, before) || accepts(t, old, after) {
		t.Error("the former connection leads elsewhere than to the former daemon")
	}
	// Renewing once more changes nothing that members hold.
	if _, err := install.Renew(t.Context(), client, "buildkitd"); err != nil || serverSecret(server).Fingerprint() != after.Fingerprint() {
		t.Errorf("renewed again: %v", err)
	}
	// Install that may replaces the Pod, and forgets the former pair.
	server.OnPod(server.Run)
	outcome, err := install.Run(t.Context(), client, "buildkitd", install.Keep, install.Options{ReplaceExpiring: true}, nil)
	if err != nil || outcome.Change != install.Replaced || outcome.Connection.Former != nil {
		t.Fatalf("%+v, %v", outcome, err)
	}
	_, read, err = client.Members(t.Context(), "buildkitd", false)
	if err != nil || read.Former != nil || serverSecret(server).Former != nil || !accepts(t, read, after) || accepts(t, read, before) {
		t.Errorf("after the roll-out: %+v, %v", read, err)
	}
}

// Install that renews does not lock out the members that still wait for their builds.
func TestInstallKeepsTheFormerPairUntilTheRollOutEnds(t *testing.T) {
	server := testcluster.New(t)
	before := aged(t, server, trust.Lifetime-30*24*time.Hour)
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true}, nil)
	if err != nil || !outcome.Renewed || outcome.Connection.Former == nil {
		t.Fatalf("%+v, %v", outcome.Connection, err)
	}
	if !accepts(t, outcome.Connection, before) || !accepts(t, outcome.Connection, serverSecret(server)) {
		t.Error("locked out")
	}
}

func TestRenewalsAtOnceAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		aged(t, server, trust.Lifetime-30*24*time.Hour)
		server.Delay = 5 * time.Millisecond
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := install.Renew(t.Context(), clientOf(t, server), "buildkitd"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		_, connection, err := clientOf(t, server).Members(t.Context(), "buildkitd", false)
		if err != nil {
			t.Fatal(err)
		}
		if truth := serverSecret(server); !bytes.Equal(truth.CA, connection.CA) || !accepts(t, connection, truth) {
			t.Error("the two Secrets are of different renewals")
		}
	})
}

func TestRenewNeedsPermission(t *testing.T) {
	server := testcluster.New(t)
	aged(t, server, trust.Lifetime-30*24*time.Hour)
	server.Forget()
	server.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
		if name == "buildkitd-server" {
			return testcluster.Forbidding("secrets", "")(r, kind, name)
		}
		return nil
	})
	_, err := install.Renew(t.Context(), clientOf(t, server), "buildkitd")
	var forbidden *kube.ForbiddenError
	if !errors.As(err, &forbidden) || len(server.Writes()) != 0 {
		t.Errorf("%v, %q", err, server.Writes())
	}
}

// An install issues certificates by the server's clock.
func TestInstallIssuesByTheServersClock(t *testing.T) {
	server := testcluster.New(t)
	server.Ahead = -400 * 24 * time.Hour
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(outcome.Connection.Expires.Add(-server.Ahead)); (left - trust.Lifetime).Abs() > time.Hour {
		t.Errorf("they end on %s", outcome.Connection.Expires)
	}
}
