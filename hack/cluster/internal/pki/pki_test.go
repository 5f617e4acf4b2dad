package pki

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"
)

func TestIssue(t *testing.T) {
	dir := t.TempDir()
	authority, err := NewAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue("server", Subject{Name: "s", Organizations: []string{"o"}, Hosts: []string{"localhost", "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	certificate, pool := read(t, pair.Certificate), x509.NewCertPool()
	pool.AddCert(read(t, authority.Pair().Certificate))
	for _, host := range []string{"localhost", "127.0.0.1"} {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			options := x509.VerifyOptions{Roots: pool, DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}}
			if _, err := certificate.Verify(options); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	if certificate.IsCA || certificate.Subject.CommonName != "s" || certificate.Subject.Organization[0] != "o" {
		t.Errorf("got subject %v, authority %t", certificate.Subject, certificate.IsCA)
	}
	info, err := os.Stat(pair.Key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key can be read by others: %v, %v", info.Mode(), err)
	}
}

func TestIssueForAClientIsNoServer(t *testing.T) {
	authority, err := NewAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue("client", Subject{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(read(t, authority.Pair().Certificate))
	if _, err := read(t, pair.Certificate).Verify(x509.VerifyOptions{Roots: pool}); err == nil { // server is the default usage
		t.Error("a client's certificate can serve")
	}
}

func read(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
