package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

const (
	hubUser, hubPassword = "hub-user", "hub-Pa55word"
	hardened             = "dhi.io"
)

// hardenedRegistry is dhi.io for those who reach it through its proxy: the open registry, with the Hub's login before it.
type hardenedRegistry struct {
	proxy    string      // URL
	ca       []byte      // PEM
	refuses  atomic.Bool // the proxy wants credentials
	loggedIn atomic.Int32
}

func newHardenedRegistry(t *testing.T) *hardenedRegistry {
	t.Helper()
	h := &hardenedRegistry{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{hardened}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	key, certificate := signed(t, template, template, nil)
	h.ca = certificate
	pair, err := tls.X509KeyPair(certificate, keyPEM(t, key))
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: need(t, "E2E_REGISTRY")})
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-Proto", "https")
		r.Out.Header.Del("Authorization")
	}}
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte(hubUser+":"+hubPassword))
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != login {
			w.Header().Set("WWW-Authenticate", `Basic realm="hub"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.loggedIn.Add(1)
		behind.ServeHTTP(w, r)
	}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // the client asks before it knows whom the builder trusts
	front.StartTLS()
	t.Cleanup(front.Close)
	h.proxy = "http://" + serveBesideRegistry(t, func(w http.ResponseWriter, r *http.Request) {
		if h.refuses.Load() {
			w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect || r.Host != hardened+":443" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		join(w, front.Listener.Addr().String())
	})
	return h
}

// join makes a tunnel of a request to connect.
func join(w http.ResponseWriter, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(far, near) }()
	_, _ = io.Copy(near, far)
}

// A company's proxy that wants credentials is named as the reason, with what gives them to the builder. Once it lets
// through, Docker's hardened images take the login of Docker Hub.
func TestHardenedImagesThroughAProxy(t *testing.T) {
	u, h, open := newUser(t), newHardenedRegistry(t), openRegistry(t)
	locked := serveBesideRegistry(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	server, err := url.Parse(u.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}").ok().stdout)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(u.home, "ca.pem")
	write(t, ca, string(h.ca))
	u.buildkit("install", "--yes", "--registry-ca", ca, "--insecure-registry", locked, "--env", "HTTPS_PROXY="+h.proxy, "--env", "NO_PROXY="+locked).ok()
	u.env["HTTPS_PROXY"], u.env["NO_PROXY"] = h.proxy, server.Host+","+locked
	u.dockerConfig(auths("https://index.docker.io/v1/", hubUser, hubPassword))
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	image := hardened + "/" + u.namespace + "/app:1"

	h.refuses.Store(true)
	u.buildkit("build", "-t", image, "--push", context).exits(3).
		says(`the proxy between builder "buildkitd" and registry "dhi.io" wants credentials`, "kubectl buildkit install buildkitd", "--env HTTPS_PROXY=").neverSays(hubPassword)
	u.buildkit("build", "-t", locked+"/app:1", "--push", context).exits(3).says(`registry "`+locked+`" wants credentials`, "--env HTTPS_PROXY=")
	u.login(hubPassword, locked, "-u", hubUser, "--insecure").exits(1).says("407 Proxy Authentication Required").neverSays(hubPassword)

	h.refuses.Store(false)
	u.buildkit("build", "-t", image, "--push", context).ok().neverSays(hubPassword)
	if open.digest(open.name(u)+":1") == "" || h.loggedIn.Load() == 0 {
		t.Errorf("nothing was pushed, after %d requests with the Hub's login", h.loggedIn.Load())
	}
}
