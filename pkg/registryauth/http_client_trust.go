package registryauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
)

// awaitingTrust returns a client for one registry and its token server. If the
// system's authorities do not trust a server, the handshake waits until Trust has
// added others, and the request continues on the same connection, so that the
// response arrives before the build has begun. The context limits the requests.
func (p *Provider) awaitingTrust(ctx context.Context, host string) *http.Client {
	t := transport(nil)
	dialer := &net.Dialer{}
	t.DialTLSContext = func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		name, _, err := net.SplitHostPort(address)
		if err != nil {
			name = address
		}
		secure := tls.Client(conn, &tls.Config{
			ServerName: name, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: true, // it is verified here, by the same rules
			VerifyConnection:   func(state tls.ConnectionState) error { return p.verify(ctx, host, name, state) },
		})
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
	return newClient(rules{transport: t})
}

// verify verifies the certificates like crypto/tls, with the system's authorities
// and then, after Trust was called, with the others.
func (p *Provider) verify(ctx context.Context, host, name string, state tls.ConnectionState) error {
	by := func(roots *x509.CertPool) error {
		options := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
		for _, certificate := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(certificate)
		}
		if _, err := state.PeerCertificates[0].Verify(options); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return nil
	}
	err := by(nil)
	if err == nil {
		return nil
	}
	select {
	case <-p.trusted:
	case <-ctx.Done():
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isInsecure(host) {
		return nil
	}
	return by(p.authorities)
}
