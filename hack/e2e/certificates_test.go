package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// ages gives the builder certificates that end so soon, and a daemon that was started with them.
func (u *user) ages(left time.Duration) {
	u.t.Helper()
	u.certificates(left)
	u.restart()
}

// certificates puts such into the two Secrets.
func (u *user) certificates(left time.Duration) {
	u.t.Helper()
	authority := certificateUntil(left, "builder buildkitd", 0)
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey, ca := signed(u.t, authority, authority, nil)
	server, client := certificateUntil(left, "buildkitd", x509.ExtKeyUsageServerAuth), certificateUntil(left, "client", x509.ExtKeyUsageClientAuth)
	server.DNSNames = []string{"buildkitd"}
	serverKey, serverPEM := signed(u.t, server, authority, caKey)
	clientKey, clientPEM := signed(u.t, client, authority, caKey)
	u.setSecret("buildkitd-server", map[string][]byte{
		"ca.crt": ca, "tls.crt": serverPEM, "tls.key": keyPEM(u.t, serverKey), "client.crt": clientPEM, "client.key": keyPEM(u.t, clientKey),
	})
	u.setSecret("buildkitd-client", map[string][]byte{"ca.crt": ca, "tls.crt": clientPEM, "tls.key": keyPEM(u.t, clientKey)})
}

// restart replaces the Pod by one like it: its daemon starts with what the Secret holds now.
func (u *user) restart() {
	u.t.Helper()
	pod := u.kubectl("get", "pod", "buildkitd", "-o", "yaml").ok().stdout
	u.kubectlIn("", []byte(pod), "replace", "--force", "-f", "-").ok()
	u.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
}

func certificateUntil(left time.Duration, name string, usage x509.ExtKeyUsage) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: time.Now().Add(left),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
}

// signed makes a key and its certificate; without the authority's key it signs itself.
func signed(t *testing.T, certificate, authority *x509.Certificate, authorityKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := authorityKey
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, authority, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (u *user) setSecret(name string, values map[string][]byte) {
	u.t.Helper()
	data := map[string]string{}
	for key, value := range values {
		data[key] = base64.StdEncoding.EncodeToString(value)
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		u.t.Fatal(err)
	}
	u.kubectl("patch", "secret", name, "--type", "merge", "-p", string(patch)).ok()
}

// Certificates that are about to expire are renewed by a build, and no client is locked out: neither the build that runs, nor
// one that begins before the Pod was restarted, nor one after that.
func TestCertificatesAreRenewedDuringABuild(t *testing.T) {
	u := newUser(t)
	u.builder()
	u.ages(20 * 24 * time.Hour)
	context := dockerfile(t, "FROM BASE", "RUN sleep 8")
	quick := dockerfile(t, "FROM BASE", "RUN true")

	first := u.begin("build", "--progress", "plain", "--retries", "0", "-o", "type=cacheonly", context)
	first.until("sleep 8")
	first.until("were renewed until")
	u.buildkit("build", "-o", "type=cacheonly", quick).ok().says("the certificates that Pod", "kubectl buildkit install").neverSays("were renewed")
	u.buildkit("install", "--yes").ok()
	first.ends(0)
	after := u.buildkit("build", "-o", "type=cacheonly", quick).ok()
	after.neverSays("were renewed")
	after.neverSays("the certificates that Pod")
	for _, secret := range []string{"buildkitd-server", "buildkitd-client"} {
		if data := u.kubectl("get", "secret", secret, "-o", "jsonpath={.data}").ok().stdout; strings.Contains(data, "former") {
			t.Errorf("Secret %s keeps the former certificates: %s", secret, data)
		}
	}
}

// Certificates that have expired are renewed by the next build of a user who may install.
func TestExpiredCertificatesAreRenewed(t *testing.T) {
	u := newUser(t)
	u.builder()
	u.ages(-24 * time.Hour)
	context := dockerfile(t, "FROM BASE", "RUN true")
	u.buildkit("build", "--install=false", "-o", "type=cacheonly", context).exits(3).says("the certificates end on", "kubectl buildkit install buildkitd")
	u.buildkit("build", "-o", "type=cacheonly", context).ok().says("restoring builder", u.namespace)
}

// A Pod that was not restarted since a renewal ends with its own certificate: no client reaches it until a build, or install,
// has replaced it. Nothing has to be agreed to, since its cache is out of reach already.
func TestPodThatOutlivesItsCertificate(t *testing.T) {
	u := newUser(t)
	u.builder()
	u.ages(-24 * time.Hour)
	u.certificates(300 * 24 * time.Hour) // as a renewal leaves them
	const ended = "was not restarted since the certificates were renewed"
	for _, command := range [][]string{{"du"}, {"history", "list"}, {"info"}, {"prune", "--force"}} {
		u.buildkit(command...).exits(3).says(ended, "kubectl buildkit install buildkitd -n "+u.namespace)
	}
	if checks := u.buildkit("doctor").exits(3).stdout; !strings.Contains(checks, ended) {
		t.Errorf("doctor prints %s", checks)
	}
	context := dockerfile(t, "FROM BASE", "RUN true")
	u.buildkit("build", "--install=false", "-o", "type=cacheonly", context).exits(3).says(ended, "kubectl buildkit install buildkitd -n "+u.namespace)
	u.buildkit("build", "-o", "type=cacheonly", context).ok().says("restoring builder", "no client reaches its cache")
	u.buildkit("build", "-o", "type=cacheonly", context).ok().neverSays("restoring builder")
}
