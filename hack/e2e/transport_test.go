package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// Every transport reaches the same daemon.
func TestTransports(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	for _, transport := range []string{"auto", "websocket", "spdy", "exec"} {
		u.buildkit("build", "--transport", transport, "-o", "type=cacheonly", context).ok()
	}
}

// An API server, or a proxy before it, that knows no WebSocket: auto falls back to SPDY, websocket alone says so.
func TestFallbackToSPDY(t *testing.T) {
	u := newUser(t)
	u.builder()
	front := newFront(t, u)
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")

	u.buildkit("build", "--server", front.url, "-o", "type=cacheonly", context).ok()
	if front.websockets.Load() == 0 || front.spdy.Load() == 0 {
		t.Errorf("%d WebSocket and %d SPDY upgrades were tried", front.websockets.Load(), front.spdy.Load())
	}
	u.buildkit("build", "--server", front.url, "--transport", "websocket", "-o", "type=cacheonly", context).exits(3).
		says("websocket", "--transport")
}

// front is a reverse proxy before the API server that refuses WebSocket upgrades.
type front struct {
	url              string
	websockets, spdy atomic.Int32
}

func newFront(t *testing.T, u *user) *front {
	t.Helper()
	view := func(path string) string {
		return u.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "jsonpath={"+path+"}").ok().stdout
	}
	decode := func(path string) []byte {
		raw, err := base64.StdEncoding.DecodeString(view(path))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	target, err := url.Parse(view(".clusters[0].cluster.server"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(decode(".clusters[0].cluster.certificate-authority-data"))
	certificate, err := tls.X509KeyPair(decode(".users[0].user.client-certificate-data"), decode(".users[0].user.client-key-data"))
	if err != nil {
		t.Skipf("the fallback's proxy needs a kubeconfig with a client certificate: %v", err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
	f := &front{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch upgrade := strings.ToLower(r.Header.Get("Upgrade")); {
		case upgrade == "websocket":
			f.websockets.Add(1)
			http.Error(w, "no websockets here", http.StatusBadRequest)
			return
		case strings.HasPrefix(upgrade, "spdy"):
			f.spdy.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}
