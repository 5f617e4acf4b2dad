// Package registry runs three container registries that differ in how they authenticate. It must not know the cluster
// that pulls from them.
package registry

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"golang.org/x/crypto/bcrypt"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/image"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/token"
)

// Names of the users. The builder's has a slash, as names of robots and of tenants have in real registries.
const (
	Builder = "tenancy/builder" // may push and pull everywhere
	Reader  = "reader"          // may pull, from the registry with tokens only
)

// Credentials is the passwords of the users.
type Credentials struct {
	Builder string
	Reader  string
}

// NewCredentials makes random passwords.
func NewCredentials() Credentials {
	return Credentials{Builder: rand.Text(), Reader: rand.Text()}
}

// Addresses is where the registries listen, each HOST:PORT.
type Addresses struct {
	Open  string // plain HTTP, no authentication
	Token string // TLS, bearer tokens
	Basic string // TLS, basic authentication
}

// NewAddresses places the registries on an address of the machine.
func NewAddresses(hostPort func(port int) string) Addresses {
	return Addresses{Open: hostPort(5000), Token: hostPort(5001), Basic: hostPort(5002)}
}

// Set is the three registries and the token server.
type Set struct {
	Addresses   Addresses
	Credentials Credentials
	Dir         string   // for configurations and data
	Socket      string   // of the registry behind the token server
	Authority   pki.Pair // signs the server's certificate and so the tokens
	Server      pki.Pair // the server's certificate, for all of them
}

const (
	issuer  = "kubectl-buildkit"
	service = "kubectl-buildkit"
)

// Configure writes the configuration of the registries and of the token server, and returns the paths by the name of
// the process that reads each.
func (s Set) Configure() (map[string]string, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("configuring registries: %w", err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(s.Credentials.Builder), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("hashing password: %w", err)
	}
	htpasswd := filepath.Join(s.Dir, "htpasswd")
	if err := os.WriteFile(htpasswd, fmt.Appendf(nil, "%s:%s\n", Builder, hash), 0o600); err != nil {
		return nil, fmt.Errorf("configuring registries: %w", err)
	}
	bearer := map[string]any{"token": map[string]any{
		"realm": "https://" + s.Addresses.Token + "/token", "service": service, "issuer": issuer,
		"rootcertbundle": s.Authority.Certificate, "signingalgorithms": []string{"ES256"},
	}}
	basic := map[string]any{"htpasswd": map[string]any{"realm": service, "path": htpasswd}}
	certificate := map[string]any{"certificate": s.Server.Certificate, "key": s.Server.Key}
	configurations := map[string]any{
		"registry-open":  s.registry("open", map[string]any{"addr": s.Addresses.Open}, nil),
		"registry-basic": s.registry("basic", map[string]any{"addr": s.Addresses.Basic, "tls": certificate}, basic),
		// Behind another server the registry must not make up its own URLs.
		"registry-token": s.registry("token", map[string]any{"net": "unix", "addr": s.Socket, "relativeurls": true}, bearer),
		"token-server": token.Config{
			Address: s.Addresses.Token, Registry: s.Socket, Certificate: s.Server.Certificate, Key: s.Server.Key, Issuer: issuer, Service: service,
			Users: map[string]token.User{
				Builder: {Password: s.Credentials.Builder, Actions: []string{"*"}},
				Reader:  {Password: s.Credentials.Reader, Actions: []string{"pull"}},
			},
		},
	}
	paths := make(map[string]string)
	for name, configuration := range configurations {
		data, err := json.MarshalIndent(configuration, "", "  ") // a registry reads YAML, which JSON is
		if err != nil {
			return nil, fmt.Errorf("configuring %q: %w", name, err)
		}
		paths[name] = filepath.Join(s.Dir, name+".json")
		if err := os.WriteFile(paths[name], data, 0o600); err != nil {
			return nil, fmt.Errorf("configuring %q: %w", name, err)
		}
	}
	return paths, nil
}

func (s Set) registry(name string, server, auth map[string]any) map[string]any {
	server["secret"] = rand.Text()
	configuration := map[string]any{
		"version": 0.1,
		"log":     map[string]any{"level": "info"},
		"storage": map[string]any{
			"filesystem": map[string]any{"rootdirectory": filepath.Join(s.Dir, "data", name)},
			"delete":     map[string]any{"enabled": true},
		},
		"http": server,
	}
	if auth != nil {
		configuration["auth"] = auth
	}
	return configuration
}

// Push writes an image as NAME into the open registry and into the one with tokens, and returns its reference in the former.
func (s Set) Push(ctx context.Context, layout image.Layout, name string) (string, error) {
	transport, err := s.transport()
	if err != nil {
		return "", err
	}
	defer transport.CloseIdleConnections()
	builder := authn.FromConfig(authn.AuthConfig{Username: Builder, Password: s.Credentials.Builder})
	if err := layout.Push(ctx, s.Addresses.Token+"/"+name, transport, builder); err != nil {
		return "", err
	}
	reference := s.Addresses.Open + "/" + name
	return reference, layout.Push(ctx, reference, transport, nil)
}

func (s Set) transport() (*http.Transport, error) {
	authority, err := os.ReadFile(s.Authority.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the registries' authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	// No proxy from the environment: the registries are on this machine.
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}, nil
}

// Listening succeeds when something accepts connections at address.
func Listening(ctx context.Context, network, address string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return connection.Close()
}
