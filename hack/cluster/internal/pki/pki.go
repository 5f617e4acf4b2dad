// Package pki makes the certificates of the cluster and of its registries. It must not know which component uses them.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is how long every certificate is valid: a cluster is made anew far more often.
const lifetime = 365 * 24 * time.Hour

// Authority signs certificates and writes them below a directory.
type Authority struct {
	dir         string
	name        string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Pair is the paths of a certificate and of its key, in PEM.
type Pair struct {
	Certificate string
	Key         string
}

// Subject is what a certificate says of its holder.
type Subject struct {
	Name          string // common name: the user, for the API server
	Organizations []string
	Hosts         []string // names and addresses of a server; none means a client
}

// NewAuthority makes a self-signed authority and writes NAME.crt and NAME.key into dir.
func NewAuthority(dir, name string) (*Authority, error) {
	authority := &Authority{dir: dir, name: name}
	template := newTemplate(Subject{Name: "kubectl-buildkit " + name})
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = nil
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	if _, err := authority.write(name, template, template, key, key); err != nil {
		return nil, err
	}
	authority.key = key
	authority.certificate = template
	return authority, nil
}

// Pair is the paths of the authority's own certificate and key.
func (a *Authority) Pair() Pair { return pairOf(a.dir, a.name) }

// Issue signs a certificate and writes FILE.crt and FILE.key into the authority's directory. It serves as a client's and,
// when the subject has hosts, as a server's.
func (a *Authority) Issue(file string, subject Subject) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	return a.write(file, newTemplate(subject), a.certificate, key, a.key)
}

func (a *Authority) write(file string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (Pair, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Pair{}, fmt.Errorf("signing certificate %q: %w", file, err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, fmt.Errorf("signing certificate %q: %w", file, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encoding key %q: %w", file, err)
	}
	pair := pairOf(a.dir, file)
	if err := writePEM(pair.Certificate, "CERTIFICATE", der, 0o644); err != nil {
		return Pair{}, err
	}
	return pair, writePEM(pair.Key, "PRIVATE KEY", keyDER, 0o600)
}

func pairOf(dir, file string) Pair {
	return Pair{Certificate: filepath.Join(dir, file+".crt"), Key: filepath.Join(dir, file+".key")}
}

func newTemplate(subject Subject) *x509.Certificate {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: subject.Name, Organization: subject.Organizations},
		NotBefore: time.Now().Add(-time.Hour), // clocks of containers and of tests may be a little behind
		NotAfter:  time.Now().Add(lifetime),
		KeyUsage:  x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{
			x509.ExtKeyUsageClientAuth,
		},
		BasicConstraintsValid: true,
	}
	for _, host := range subject.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(subject.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	return template
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating key: %w", err)
	}
	return key, nil
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}
