package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"time"
)

// backdate tolerates clock skew: a node whose clock is behind must not reject a certificate as not
// yet valid.
const backdate = 24 * time.Hour

// Issue returns a new CA, and the certificates of the server and the client of the builder of that
// name. The CA's private key is not kept.
func Issue(now time.Time, name string) (*Certificates, error) {
	authority := template(now, "builder "+name)
	// Every CA has a different name, by which a client with several pairs selects the one that a
	// daemon accepts.
	authority.Subject.SerialNumber = rand.Text()
	authority.IsCA, authority.BasicConstraintsValid, authority.MaxPathLenZero = true, true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}
	// Parsed again, so that the leaves have the CA's key identifier that was written into it.
	if authority, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}

	server := template(now, ServerName)
	server.DNSNames, server.IPAddresses = []string{ServerName}, []net.IP{net.IPv4(127, 0, 0, 1)}
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	client := template(now, name+" client")
	client.KeyUsage, client.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}

	certificates := &Certificates{CA: encode("CERTIFICATE", der)}
	if certificates.Server, err = issue(server, authority, key); err != nil {
		return nil, fmt.Errorf("making the server's certificate: %w", err)
	}
	if certificates.Client, err = issue(client, authority, key); err != nil {
		return nil, fmt.Errorf("making the client's certificate: %w", err)
	}
	return certificates, nil
}

func template(now time.Time, commonName string) *x509.Certificate {
	// CreateCertificate chooses the serial number when there is none.
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: commonName},
		NotBefore: now.Add(-backdate),
		NotAfter:  now.Add(Lifetime),
	}
}

func issue(leaf, authority *x509.Certificate, authorityKey *ecdsa.PrivateKey) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), authorityKey)
	if err != nil {
		return Pair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Certificate: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", private)}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
