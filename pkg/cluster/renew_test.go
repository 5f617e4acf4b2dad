package cluster_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
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
	certificates := issue(t, time.Now().Add(-age))
	objects, err := manifest.New(spec(), certificates)
	if err != nil {
		t.Fatal(err)
	}
	s.Put("secrets", objects.Server, objects.Client)
	s.Put("pods", objects.Pod)
	s.Ready("buildkitd")
	return certificates
}

// accepts reports whether a daemon that was started with these certificates lets the connection in.
func accepts(t *testing.T, connection *cluster.Connection, daemon *trust.Certificates) bool {
	t.Helper()
	return handshake(connection, daemon) == nil
}

// handshake connects to a daemon that was started with these certificates.
func handshake(connection *cluster.Connection, daemon *trust.Certificates) error {
	client, clientErr := connection.TLS()
	server, serverErr := testcluster.ServerConfig(daemon.CA, daemon.Server)
	if err := errors.Join(clientErr, serverErr); err != nil {
		return err
	}
	near, far := net.Pipe()
	result := make(chan error, 1)
	go func() {
		conn := tls.Server(far, server)
		err := conn.Handshake()
		if err == nil {
			_, err = io.WriteString(conn, "hello")
		}
		result <- err
		_ = far.Close()
	}()
	_, err := io.ReadFull(tls.Client(near, client), make([]byte, 5))
	_ = near.Close()
	if serverErr := <-result; err == nil {
		return serverErr
	}
	return err
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
	_, old, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
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
	_, read, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
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
	outcome, err := install.Run(t.Context(), client, "buildkitd", install.Keep, install.Options{Rotate: true}, nil)
	if err != nil || outcome.Change != install.Replaced || outcome.Connection.Former != nil {
		t.Fatalf("%+v, %v", outcome, err)
	}
	_, read, err = client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
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
	_, connection, err := clientOf(t, server).Resolve(t.Context(), "buildkitd", cluster.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if truth := serverSecret(server); !bytes.Equal(truth.CA, connection.CA) || !accepts(t, connection, truth) {
		t.Error("the two Secrets are of different renewals")
	}
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
		objects, err := manifest.New(spec(), issue(t, time.Now().Add(test.server-test.age)))
		if err != nil {
			t.Fatal(err)
		}
		server.Put("secrets", objects.Server, objects.Client)
		server.Put("pods", objects.Pod)
		server.Ready("buildkitd")
		client := clientOf(t, server)
		_, connection, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
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
