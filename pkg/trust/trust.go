// Package trust makes and reads the certificates with which a builder and its clients know each other.
//
// A builder has a certificate authority of its own, whose private key exists only while Issue runs: nobody can add a
// client later, and renewal issues everything anew. It must not know Kubernetes: certificates come and go as PEM text.
package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"
)

const (
	// ServerName is the name in the server's certificate, and what clients expect there.
	ServerName = "buildkitd"
	// Lifetime is how long issued certificates are valid.
	Lifetime = 365 * 24 * time.Hour
	// RenewBefore is how long before their end certificates count as due for renewal.
	RenewBefore = 60 * 24 * time.Hour
)

// Pair is a certificate with its private key, both PEM.
type Pair struct{ Certificate, Key []byte }

// Certificates are all that one Issue made.
type Certificates struct {
	// CA is the certificate, PEM, by which both sides check each other.
	CA []byte
	// Server is the daemon's pair, Client that of everybody who builds.
	Server, Client Pair
}

// UnusableError says why certificates cannot be used.
type UnusableError struct {
	// Reason completes "the certificates …", e.g. "end on 2027-01-02".
	Reason string
	// Expired says that time alone made them unusable.
	Expired bool
}

func (p *UnusableError) Error() string { return "the certificates " + p.Reason }

// Fingerprint identifies the certificates (not the keys), e.g. "sha256:4f5a…".
func (c *Certificates) Fingerprint() string {
	sum := sha256.New()
	for _, part := range [][]byte{c.CA, c.Server.Certificate, c.Client.Certificate} {
		// A hash never refuses a write.
		_, _ = sum.Write(part)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Check says, as a *UnusableError, why these certificates must be issued anew: incomplete, not matching one another, or too
// near to their end. Nil means they are good for at least RenewBefore.
func (c *Certificates) Check(now time.Time) error {
	for _, side := range []struct {
		name  string
		pair  Pair
		usage x509.ExtKeyUsage
	}{{"server", c.Server, x509.ExtKeyUsageServerAuth}, {"client", c.Client, x509.ExtKeyUsageClientAuth}} {
		if err := side.pair.check(c.CA, now.Add(RenewBefore), side.usage); err != nil {
			return err
		}
	}
	return nil
}

// check verifies the pair as its peer will at that moment.
func (p Pair) check(ca []byte, when time.Time, usage x509.ExtKeyUsage) error {
	if _, err := tls.X509KeyPair(p.Certificate, p.Key); err != nil {
		return &UnusableError{Reason: "cannot be read: " + err.Error()}
	}
	leaf, err := parseOne(p.Certificate)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return &UnusableError{Reason: "lack the CA they are checked by"}
	}
	if when.After(leaf.NotAfter) {
		return &UnusableError{Reason: "end on " + leaf.NotAfter.UTC().Format(time.DateOnly), Expired: true}
	}
	options := x509.VerifyOptions{Roots: roots, CurrentTime: when, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := leaf.Verify(options); err != nil {
		return &UnusableError{Reason: "do not fit one another: " + err.Error()}
	}
	return nil
}

// End is when the certificate, PEM, stops being valid.
func End(certificate []byte) (time.Time, error) {
	leaf, err := parseOne(certificate)
	if err != nil {
		return time.Time{}, err
	}
	return leaf.NotAfter, nil
}

// NeedsRenewal says whether the certificate, PEM, is unreadable, expired or within RenewBefore of its end.
func NeedsRenewal(now time.Time, certificate []byte) bool {
	end, err := End(certificate)
	return err != nil || now.Add(RenewBefore).After(end)
}

// ClientConfig is the TLS configuration of a client: it presents its pair, and accepts only the builder's certificate.
// It fails with a *UnusableError when the pair cannot be used now.
func ClientConfig(now time.Time, ca []byte, client Pair) (*tls.Config, error) {
	if err := client.check(ca, now, x509.ExtKeyUsageClientAuth); err != nil {
		return nil, err
	}
	return config(ca, client)
}

// ServerConfig is the TLS configuration of a server that demands a client's certificate, as the daemon does. The
// daemon reads files; this is for the tests of everything that speaks to one.
func ServerConfig(ca []byte, server Pair) (*tls.Config, error) {
	configuration, err := config(ca, server)
	if err != nil {
		return nil, err
	}
	configuration.ClientCAs, configuration.ClientAuth = configuration.RootCAs, tls.RequireAndVerifyClientCert
	return configuration, nil
}

func config(ca []byte, pair Pair) (*tls.Config, error) {
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return nil, &UnusableError{Reason: "cannot be read: " + err.Error()}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, &UnusableError{Reason: "lack the CA they are checked by"}
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   ServerName,
		RootCAs:      pool,
		Certificates: []tls.Certificate{certificate},
	}, nil
}

func parseOne(certificate []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(bytes.TrimSpace(certificate))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, &UnusableError{Reason: "are not PEM"}
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, &UnusableError{Reason: fmt.Sprintf("cannot be read: %v", err)}
	}
	return leaf, nil
}
