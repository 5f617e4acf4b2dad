package registryauth

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// proxy is one that wants a user and a password, and leads to a registry whatever host is asked
// for.
func proxyTo(t *testing.T, registry *fake) *httptest.Server {
	t.Helper()
	target := registry.Listener.Addr().String()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic "+encoded("me", secret) {
			w.Header().Set("Proxy-Authenticate", `Basic realm="corporate"`)
			http.Error(w, "no", http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			registry.Config.Handler.ServeHTTP(w, r)
			return
		}
		upstream, err := net.Dial("tcp", target)
		if err != nil {
			t.Error(err)
			return
		}
		hijacker, ok := w.(http.Hijacker)
		if !ok {
			t.Error("no hijacker")
			return
		}
		conn, _, err := hijacker.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			_, _ = io.Copy(upstream, conn)
			_ = upstream.Close()
		}()
		_, _ = io.Copy(conn, upstream)
		_ = conn.Close()
	}))
	t.Cleanup(s.Close)
	return s
}

// TestProxyPasswords is about a proxy that asks who one is, for registries with TLS and without:
// the right password works, and a wrong one is an error that names the proxy and not its password.
// Requests to loopback addresses never go through one, so the registry has another name.
func TestProxyPasswords(t *testing.T) {
	const host = "example.com" // of the test server's certificate
	for _, plain := range []bool{false, true} {
		f := newFake(t, "Basic", plain, nil)
		proxy := strings.TrimPrefix(proxyTo(t, f).URL, "http://")
		for name, test := range map[string]struct {
			user    string
			through bool
		}{
			"right": {user: "me:" + secret + "@", through: true},
			"wrong": {user: "me:not-" + secret + "@"},
			"none":  {},
		} {
			for _, variable := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
				t.Setenv(variable, "http://"+test.user+proxy)
			}
			p := knows(t, host)
			insecure := []string{}
			if plain {
				insecure = append(insecure, host)
			}
			if err := p.Trust(f.ca, insecure...); err != nil {
				t.Fatal(err)
			}
			_, err := p.Reach(t.Context(), host)
			_, login := Login(t.Context(), Options{Directory: t.TempDir(), LookupEnv: noEnv}, Account{Host: host, Username: "u", Password: secret, CA: f.ca, Insecure: plain})
			for _, err := range []error{err, login} {
				if test.through {
					if err != nil {
						t.Errorf("%s (plain: %v): %v", name, plain, err)
					}
					continue
				}
				var unreachable *UnreachableError
				if !errors.As(err, &unreachable) || strings.Contains(err.Error(), secret) {
					t.Fatalf("%s (plain: %v): got %v", name, plain, err)
				}
				if unreachable.Proxy != "http://"+proxy || !strings.Contains(err.Error(), "Proxy Authentication Required") {
					t.Errorf("%s (plain: %v): got %v through %q", name, plain, err, unreachable.Proxy)
				}
			}
		}
	}
	t.Setenv("NO_PROXY", "."+host+","+host)
	if got := proxyFor("https://" + host + "/v2/"); got != "" {
		t.Errorf("NO_PROXY: it goes through %q", got)
	}
}
