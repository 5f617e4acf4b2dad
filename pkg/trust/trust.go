// Package trust issues and parses the certificates with which a builder and its clients
// authenticate each other.
//
// A builder has its own certificate authority, whose private key exists only while Issue runs: no
// client can be added later, and renewal issues everything again. It must not know Kubernetes:
// certificates are passed as PEM text.
package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

const (
	// ServerName is the name in the server's certificate, which clients verify.
	ServerName = "buildkitd"
	// Lifetime is how long issued certificates are valid.
	Lifetime = 365 * 24 * time.Hour
	// RenewBefore is how long before they expire certificates are due for renewal.
	RenewBefore = 60 * 24 * time.Hour
)

// Pair is a certificate with its private key, both PEM.
type Pair struct{ Certificate, Key []byte }

// Identity is one side: its pair, and the CA, PEM, with which it verifies the other side.
type Identity struct {
	CA   []byte
	Pair Pair
}

// Certificates are the certificates that one call of Issue returns.
type Certificates struct {
	// CA is the certificate, PEM, with which both sides verify each other.
	CA []byte
	// Server is the daemon's pair, Client that of every client.
	Server, Client Pair
	// Former is the client's identity of the certificates that these replace, nil if there are
	// none: daemons that were started before the renewal accept no other until they are restarted.
	Former *Identity
}

// Predecessor returns the Former of certificates that replace c: c's own client, or else c's
// Former, if it is still valid. It is nil if neither is.
func (c *Certificates) Predecessor(now time.Time) *Identity {
	for _, candidate := range []*Identity{{CA: c.CA, Pair: c.Client}, c.Former} {
		if candidate != nil && candidate.check(now, x509.ExtKeyUsageClientAuth) == nil {
			return candidate
		}
	}
	return nil
}

// UnusableError is returned when certificates cannot be used.
type UnusableError struct {
	// Reason completes "the certificates …", e.g. "end on 2027-01-02".
	Reason string
	// Expired reports whether they are unusable only because they have expired.
	Expired bool
	// ValidFrom is the time from which on they are valid, if they are not valid yet; else it is
	// zero.
	ValidFrom time.Time
}

func (p *UnusableError) Error() string { return "the certificates " + p.Reason }

// Class returns fault.Unavailable.
func (*UnusableError) Class() fault.Class { return fault.Unavailable }

// Fingerprint returns the digest of the certificates, without the keys, e.g. "sha256:4f5a…".
func (c *Certificates) Fingerprint() string {
	sum := sha256.New()
	for _, part := range [][]byte{c.CA, c.Server.Certificate, c.Client.Certificate} {
		// A hash never returns an error.
		_, _ = sum.Write(part)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Check returns an *UnusableError if these certificates must be issued again: they are incomplete,
// do not match, or expire within RenewBefore.
func (c *Certificates) Check(now time.Time) error {
	for _, when := range []time.Time{now, now.Add(RenewBefore)} {
		if err := (Identity{c.CA, c.Server}).check(when, x509.ExtKeyUsageServerAuth); err != nil {
			return err
		}
		if err := (Identity{c.CA, c.Client}).check(when, x509.ExtKeyUsageClientAuth); err != nil {
			return err
		}
	}
	return nil
}

// check verifies the pair as its peer does at that time.
func (i Identity) check(when time.Time, usage x509.ExtKeyUsage) error {
	if _, err := tls.X509KeyPair(i.Pair.Certificate, i.Pair.Key); err != nil {
		return &UnusableError{Reason: "cannot be read: " + err.Error()}
	}
	leaf, err := parseOne(i.Pair.Certificate)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(i.CA) {
		return &UnusableError{Reason: "lack the CA they are checked by"}
	}
	switch {
	case when.After(leaf.NotAfter):
		return &UnusableError{Reason: "end on " + leaf.NotAfter.UTC().Format(time.DateOnly), Expired: true}
	case when.Before(leaf.NotBefore):
		from := leaf.NotBefore.UTC()
		return &UnusableError{Reason: "are not valid before " + from.Format("2006-01-02 15:04 MST"), ValidFrom: from}
	}
	options := x509.VerifyOptions{Roots: roots, CurrentTime: when, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := leaf.Verify(options); err != nil {
		return &UnusableError{Reason: "do not fit one another: " + err.Error()}
	}
	return nil
}

// End returns the time at which the certificate, PEM, expires.
func End(certificate []byte) (time.Time, error) {
	leaf, err := parseOne(certificate)
	if err != nil {
		return time.Time{}, err
	}
	return leaf.NotAfter, nil
}

// PeerEnd returns the time at which the other side's certificate expired, if that is why a TLS
// handshake failed at now.
func PeerEnd(err error, now time.Time) (end time.Time, ended bool) {
	var failure *tls.CertificateVerificationError
	if !errors.As(err, &failure) || len(failure.UnverifiedCertificates) == 0 {
		return time.Time{}, false
	}
	end = failure.UnverifiedCertificates[0].NotAfter
	return end, now.After(end)
}

// IssuedBy reports whether the CA, PEM, has issued the certificate.
func IssuedBy(ca []byte, certificate *x509.Certificate) bool {
	issuer, err := parseOne(ca)
	return err == nil && certificate.CheckSignatureFrom(issuer) == nil
}

// NeedsRenewal reports whether the certificate, PEM, is invalid or expires within RenewBefore.
func NeedsRenewal(now time.Time, certificate []byte) bool {
	end, err := End(certificate)
	return err != nil || now.Add(RenewBefore).After(end)
}

// ClientConfig returns the TLS configuration of a client: it accepts only the builder's
// certificates, and presents the pair that the daemon requests. The former identities are for
// daemons that were started before a renewal; those that cannot be used now are omitted. If none
// can be used, it returns the first *UnusableError.
//
// The clock of the configuration starts at now, which may differ from this machine's clock.
func ClientConfig(now time.Time, ca []byte, client Pair, former ...Identity) (*tls.Config, error) {
	var usable []Identity
	var first error
	for _, identity := range append([]Identity{{CA: ca, Pair: client}}, former...) {
		err := identity.check(now, x509.ExtKeyUsageClientAuth)
		if err == nil {
			usable = append(usable, identity)
		} else if first == nil {
			first = err
		}
	}
	if len(usable) == 0 {
		return nil, first
	}
	configuration, err := config(usable...)
	if err != nil {
		return nil, err
	}
	ahead := time.Until(now)
	configuration.Time = func() time.Time { return time.Now().Add(ahead) }
	return configuration, nil
}

// config returns a configuration with the CAs and pairs of all identities. TLS presents the first
// pair whose CA the other side accepts.
func config(identities ...Identity) (*tls.Config, error) {
	pool := x509.NewCertPool()
	configuration := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: ServerName, RootCAs: pool}
	for _, identity := range identities {
		certificate, err := tls.X509KeyPair(identity.Pair.Certificate, identity.Pair.Key)
		if err != nil {
			return nil, &UnusableError{Reason: "cannot be read: " + err.Error()}
		}
		if !pool.AppendCertsFromPEM(identity.CA) {
			return nil, &UnusableError{Reason: "lack the CA they are checked by"}
		}
		configuration.Certificates = append(configuration.Certificates, certificate)
	}
	return configuration, nil
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
