package trust_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

func issue(t *testing.T, when time.Time) *trust.Certificates {
	t.Helper()
	certificates, err := trust.Issue(when, "buildkitd")
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

// greet makes a TLS connection over a pipe, and returns what each side says of it. In TLS 1.3 the
// client learns of a refusal only when it reads.
func greet(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	near, far := net.Pipe()
	deadline := time.Now().Add(5 * time.Second)
	_, _ = near.SetDeadline(deadline), far.SetDeadline(deadline)
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
	conn := tls.Client(near, client)
	_, clientErr = io.ReadFull(conn, make([]byte, 5))
	_ = near.Close()
	return clientErr, <-result
}

func serverConfig(t *testing.T, certificates *trust.Certificates) *tls.Config {
	t.Helper()
	config, err := testcluster.ServerConfig(certificates.CA, certificates.Server)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestHandshakes(t *testing.T) {
	ours, theirs := issue(t, time.Now()), issue(t, time.Now())
	client := func(ca []byte, pair trust.Pair) *tls.Config {
		config, err := testcluster.ServerConfig(ca, pair) // without ClientConfig's own checks: the peer must find out
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	withoutCertificate := client(ours.CA, ours.Client)
	withoutCertificate.Certificates = nil
	old := client(ours.CA, ours.Client)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	otherName := client(ours.CA, ours.Client)
	otherName.ServerName = "example.com"
	byAddress := client(ours.CA, ours.Client)
	byAddress.ServerName = "127.0.0.1"

	cases := map[string]struct {
		client           *tls.Config
		accepted         bool
		refusedByServer  bool
		refusedByClients bool
	}{
		"the builder's client":           {client: client(ours.CA, ours.Client), accepted: true},
		"by address":                     {client: byAddress, accepted: true},
		"no certificate":                 {client: withoutCertificate, refusedByServer: true},
		"another builder's client":       {client: client(ours.CA, theirs.Client), refusedByServer: true},
		"the server's pair as a client":  {client: client(ours.CA, ours.Server), refusedByServer: true},
		"an old TLS":                     {client: old, refusedByServer: true},
		"a client of another builder":    {client: client(theirs.CA, theirs.Client), refusedByClients: true},
		"another name than the server's": {client: otherName, refusedByClients: true},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			clientErr, serverErr := greet(t, test.client, serverConfig(t, ours))
			if test.accepted != (clientErr == nil && serverErr == nil) {
				t.Errorf("accepted is %t; the client says %v, the server %v", !test.accepted, clientErr, serverErr)
			}
			var unknown x509.UnknownAuthorityError
			var hostname x509.HostnameError
			if test.refusedByClients && !errors.As(clientErr, &unknown) && !errors.As(clientErr, &hostname) {
				t.Errorf("the client says %v", clientErr)
			}
			if test.refusedByServer && serverErr == nil {
				t.Error("the server accepts")
			}
		})
	}
}

func TestServerPairCannotServeAsClientConfig(t *testing.T) {
	certificates := issue(t, time.Now())
	if _, err := trust.ClientConfig(time.Now(), certificates.CA, certificates.Server); err == nil {
		t.Error("a server's certificate passes as a client's")
	}
	if _, err := trust.ClientConfig(time.Now(), certificates.CA, certificates.Client); err != nil {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	issued := time.Now()
	certificates := issue(t, issued)
	end, err := trust.End(certificates.Client.Certificate)
	if err != nil || end.Sub(issued.Add(trust.Lifetime)).Abs() > time.Second {
		t.Errorf("ends %v, %v", end, err)
	}
	for when, want := range map[time.Duration]bool{
		0: false, trust.Lifetime - trust.RenewBefore - time.Hour: false, trust.Lifetime - trust.RenewBefore + time.Hour: true,
		trust.Lifetime + time.Hour: true,
	} {
		if got := trust.NeedsRenewal(issued.Add(when), certificates.Client.Certificate); got != want {
			t.Errorf("after %s: needs renewal is %t", when, got)
		}
		if got := certificates.Check(issued.Add(when)) != nil; got != want {
			t.Errorf("after %s: check says %v", when, certificates.Check(issued.Add(when)))
		}
	}
	_, err = trust.ClientConfig(issued.Add(trust.Lifetime+time.Hour), certificates.CA, certificates.Client)
	var unusable *trust.UnusableError
	if !errors.As(err, &unusable) || !unusable.Expired {
		t.Errorf("an expired client: %v", err)
	}
	// The peer's clock decides, too.
	server := serverConfig(t, certificates)
	server.Time = func() time.Time { return issued.Add(trust.Lifetime + time.Hour) }
	client, err := trust.ClientConfig(issued, certificates.CA, certificates.Client)
	if err != nil {
		t.Fatal(err)
	}
	if clientErr, serverErr := greet(t, client, server); clientErr == nil || serverErr == nil {
		t.Errorf("an expired client is accepted: %v, %v", clientErr, serverErr)
	}
}

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	now := time.Now()
	ours, theirs := issue(t, now), issue(t, now)
	cases := map[string]func(*trust.Certificates){
		"nothing":          func(c *trust.Certificates) { *c = trust.Certificates{} },
		"no CA":            func(c *trust.Certificates) { c.CA = nil },
		"another CA":       func(c *trust.Certificates) { c.CA = theirs.CA },
		"another key":      func(c *trust.Certificates) { c.Client.Key = theirs.Client.Key },
		"another client":   func(c *trust.Certificates) { c.Client = theirs.Client },
		"swapped":          func(c *trust.Certificates) { c.Client, c.Server = c.Server, c.Client },
		"not PEM":          func(c *trust.Certificates) { c.Server.Certificate = []byte("hello") },
		"a key as the end": func(c *trust.Certificates) { c.Server.Certificate = c.Server.Key },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			changed := *ours
			change(&changed)
			if err := changed.Check(now); err == nil {
				t.Error("passes")
			}
		})
	}
	if err := ours.Check(now); err != nil {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	one, other := issue(t, time.Now()), issue(t, time.Now())
	same := *one
	if one.Fingerprint() != same.Fingerprint() || one.Fingerprint() == other.Fingerprint() {
		t.Error("the fingerprint does not identify the certificates")
	}
}

// It must be impossible to issue another certificate later.
func TestTheAuthoritysKeyIsNotKept(t *testing.T) {
	certificates := issue(t, time.Now())
	block, _ := pem.Decode(certificates.CA)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for usage, pair := range map[x509.ExtKeyUsage]trust.Pair{
		x509.ExtKeyUsageServerAuth: certificates.Server, x509.ExtKeyUsageClientAuth: certificates.Client,
	} {
		loaded, err := tls.X509KeyPair(pair.Certificate, pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(loaded.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != usage {
			t.Errorf("%s may be used for %v", leaf.Subject, leaf.ExtKeyUsage)
		}
		if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0 || leaf.CheckSignatureFrom(authority) != nil {
			t.Errorf("%s: CA %t, usage %b", leaf.Subject, leaf.IsCA, leaf.KeyUsage)
		}
	}
}
