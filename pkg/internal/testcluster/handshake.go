package testcluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// ServerConfig returns the TLS configuration of a server that demands a client's certificate, as
// the daemon does; as a client it presents the same pair.
func ServerConfig(ca []byte, server trust.Pair) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(server.Certificate, server.Key)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(ca) {
		return nil, errors.New("CA not found")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS13,
		RootCAs: clients, ServerName: trust.ServerName,
	}, nil
}

// Handshake connects a client to a daemon that was started with these certificates.
func Handshake(client interface{ TLS() (*tls.Config, error) }, daemon *trust.Certificates) error {
	near, nearErr := client.TLS()
	far, farErr := ServerConfig(daemon.CA, daemon.Server)
	if err := errors.Join(nearErr, farErr); err != nil {
		return err
	}
	clientEnd, serverEnd := net.Pipe()
	result := make(chan error, 1)
	go func() {
		conn := tls.Server(serverEnd, far)
		err := conn.Handshake()
		if err == nil {
			_, err = io.WriteString(conn, "hello")
		}
		result <- err
		_ = serverEnd.Close()
	}()
	_, err := io.ReadFull(tls.Client(clientEnd, near), make([]byte, 5))
	_ = clientEnd.Close()
	if serverErr := <-result; err == nil {
		return serverErr
	}
	return err
}
