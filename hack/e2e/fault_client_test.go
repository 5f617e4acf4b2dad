//go:build faults

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// clientFaults happen to the user's own machine, or to what it is known by.
func clientFaults() []fault {
	return []fault{
		{"client killed", busy, func(s *scene) string {
			s.plain()
			r, step, _ := s.pushesStep()
			_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
			s.end(r, 128+int(syscall.SIGKILL))
			step.stops()
			again, after, tag := s.pushesStep() // no lock is left
			after.letGo()
			s.pushed(again, tag)
			return "daemon stopped the step, next build complete"
		}},
		{"laptop asleep for 60 s", waits, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGSTOP)
			time.Sleep(time.Minute)
			_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGCONT)
			step.letGo()
			s.pushed(r, tag)
			return step.ran()
		}},
		{"20 clients at once on one builder", alone, func(s *scene) string {
			s.plain()
			reg := openRegistry(s.t)
			builds, tags := []*running{}, []string{}
			for i := range 20 {
				tag := fmt.Sprintf("%s:%d", reg.name(s.user), i)
				builds, tags = append(builds, s.build("-t", tag, "--push", dockerfile(s.t, "FROM BASE", fmt.Sprintf("RUN echo %d > /number", i)))), append(tags, tag)
			}
			for i, r := range builds {
				s.pushed(r, tags[i])
			}
			return "20 images complete"
		}},
		{"client certificate expired", busy, func(s *scene) string {
			s.plain()
			s.expireCertificate()
			r := s.build("-o", "type=cacheonly", dockerfile(s.t, "FROM BASE", "RUN true"))
			s.end(r, 4)
			s.explains(r, "client certificate expired on")
			return "explained (exit 4)"
		}},
		{"client token expired", busy, func(s *scene) string {
			s.plain()
			payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(-time.Hour).Unix()))
			s.useToken("e30." + payload + ".bm9uZQ")
			r := s.build("-o", "type=cacheonly", dockerfile(s.t, "FROM BASE", "RUN true"))
			s.end(r, 4)
			s.explains(r, "token expired on")
			return "explained (exit 4)"
		}},
		{"client token revoked in the middle of a build", busy, func(s *scene) string {
			s.plain()
			s.kubectl("create", "serviceaccount", "worker").ok()
			s.kubectl("create", "rolebinding", "worker", "--role", "buildkitd-user", "--serviceaccount", s.namespace+":worker").ok()
			s.useToken(s.kubectl("create", "token", "worker").ok().line1())
			r, _, _ := s.pushesStep()
			s.kubectl("delete", "serviceaccount", "worker").ok()
			s.unknown(r)
			s.link.Cut()           // the API server asks again only for new connections
			code := s.end(r, 3, 4) // the link was lost, and it is not permitted to make another
			s.explains(r, "does not accept these credentials")
			s.kubectl("delete", "rolebinding", "worker").ok()
			return fmt.Sprintf("explained (exit %d)", code)
		}},
	}
}

// useToken makes the kubeconfig by way of the link hold a token alone.
func (s *scene) useToken(token string) {
	s.t.Helper()
	s.kubectl("--kubeconfig", s.through, "config", "set-credentials", "token", "--token", token).ok()
	s.kubectl("--kubeconfig", s.through, "config", "set-context", "--current", "--user", "token").ok()
}

// unknown waits until the API server no longer takes the token: it remembers one for ten seconds.
func (s *scene) unknown(r *running) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); s.kubectl("--kubeconfig", s.through, "get", "pod", "buildkitd").code == 0; time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the token of a deleted account still works\n%s", r.stderr.String())
		}
	}
}

// expireCertificate replaces the user's certificate by one that the cluster's CA signed for yesterday.
func (s *scene) expireCertificate() {
	s.t.Helper()
	pki := filepath.Join(filepath.Dir(filepath.Dir(theWorld(s.t).kubeconfig)), "pki")
	authority, err := tls.LoadX509KeyPair(filepath.Join(pki, "cluster-ca.crt"), filepath.Join(pki, "cluster-ca.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		NotBefore:    time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, &key.PublicKey, authority.PrivateKey)
	if err != nil {
		s.t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.mkdir("expired")
	writePEM(s.t, filepath.Join(dir, "crt"), "CERTIFICATE", der)
	writePEM(s.t, filepath.Join(dir, "key"), "PRIVATE KEY", encoded)
	s.kubectl("--kubeconfig", s.through, "config", "set-credentials", "expired", "--embed-certs",
		"--client-certificate", filepath.Join(dir, "crt"), "--client-key", filepath.Join(dir, "key")).ok()
	s.kubectl("--kubeconfig", s.through, "config", "set-context", "--current", "--user", "expired").ok()
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}
