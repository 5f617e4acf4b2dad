// Package trust makes and reads the certificates with which a builder and its clients know each other.
//
// A builder has a certificate authority of its own, whose private key exists only while Issue runs: it is impossible to add a
// client later, and renewal issues everything anew. It must not know Kubernetes: certificates come and go as PEM text.
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
	// ServerName is the name in the server's certificate, and what clients expect there.
	ServerName = "buildkitd"
	// Lifetime is how long issued certificates are valid.
	Lifetime = 365 * 24 * time.Hour
	// RenewBefore is how long before their end certificates count as due for renewal.
	RenewBefore = 60 * 24 * time.Hour
)

// Pair is a certificate with its private key, both PEM.
type Pair struct{ Certificate, Key []byte }

// Identity is one side: its pair, and the CA, PEM, by which it checks the other side.
type Identity struct {
	CA   []byte
	Pair Pair
}

// Certificates are all that one Issue made.
type Certificates struct {
	// CA is the certificate, PEM, by which both sides check each other.
	CA []byte
	// Server is the daemon's pair, Client that of everybody who builds.
	Server, Client Pair
	// Former is the client's side of the certificates that these replace, nil if there are none: daemons that were
	// started before the renewal accept no other until they are restarted.
	Former *Identity
}

// Predecessor returns what certificates issued in place of c keep as their Former: c's own client, or what c itself has
// kept, whichever is still valid. It is nil if neither is.
func (c *Certificates) Predecessor(now time.Time) *Identity {
	for _, candidate := range []*Identity{{CA: c.CA, Pair: c.Client}, c.Former} {
		if candidate != nil && candidate.check(now, x509.ExtKeyUsageClientAuth) == nil {
			return candidate
		}
	}
	return nil
}

// UnusableError says why certificates cannot be used.
type UnusableError struct {
	// Reason completes "the certificates …", e.g. "end on 2027-01-02".
	Reason string
	// Expired reports that they are unusable only because they have ended.
	Expired bool
	// ValidFrom is when they begin to be valid, if that is what makes them unusable; else it is zero.
	ValidFrom time.Time
}

func (p *UnusableError) Error() string { return "the certificates " + p.Reason }

// Class returns fault.Unavailable.
func (*UnusableError) Class() fault.Class { return fault.Unavailable }

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

// check verifies the pair as its peer will at that moment.
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

// End is when the certificate, PEM, stops being valid.
func End(certificate []byte) (time.Time, error) {
	leaf, err := parseOne(certificate)
	if err != nil {
		return time.Time{}, err
	}
	return leaf.NotAfter, nil
}

// PeerEnd returns the time at which the other side's certificate ended, if that is why a TLS handshake failed at now.
func PeerEnd(err error, now time.Time) (end time.Time, ended bool) {
	var failure *tls.CertificateVerificationError
	if !errors.As(err, &failure) || len(failure.UnverifiedCertificates) == 0 {
		return time.Time{}, false
	}
	end = failure.UnverifiedCertificates[0].NotAfter
	return end, now.After(end)
}

// NeedsRenewal says whether the certificate, PEM, is unreadable, expired or within RenewBefore of its end.
func NeedsRenewal(now time.Time, certificate []byte) bool {
	end, err := End(certificate)
	return err != nil || now.Add(RenewBefore).After(end)
}

// ClientConfig returns the TLS configuration of a client: it accepts only the builder's certificates, and presents the
// pair that the daemon asks for. The former identities are for daemons that were started before a renewal; those that
// cannot be used now are left out. It fails with the first *UnusableError when none can be.
//
// The time is now when it is called, and goes on from there: now need not be this machine's clock.
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

// config knows the CAs and pairs of all identities. Of several pairs TLS presents the first whose CA the other side names
// among those that it accepts.
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
