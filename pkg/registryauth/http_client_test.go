package registryauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/moby/buildkit/session/auth"
)

// victim is a server that must not hear of a credential: it reports what it received.
func victim(t *testing.T) (server *httptest.Server, got chan string) {
	t.Helper()
	got = make(chan string, 16)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- fmt.Sprintf("%s %s Authorization=%q Cookie=%q body=%q", r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Cookie"), body)
		_, _ = io.WriteString(w, `{"access_token":"stolen","token":"stolen"}`)
	}))
	t.Cleanup(server.Close)
	return server, got
}

func neverReceives(t *testing.T, got chan string) {
	t.Helper()
	select {
	case request := <-got:
		t.Errorf("another server received %s", request)
	default:
	}
}

// knows is a provider with the password of these hosts.
func knows(t *testing.T, hosts ...string) *Provider {
	t.Helper()
	p := configFor(t, hosts...).Provider(Build{})
	if err := p.Trust(nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func configFor(t *testing.T, hosts ...string) *Config {
	t.Helper()
	var parts []string
	for _, host := range hosts {
		parts = append(parts, fmt.Sprintf("%q:{\"auth\":%q}", host, encoded("u", secret)))
	}
	return configOf(t, `{"auths":{`+strings.Join(parts, ",")+`}}`, nil)
}

func fetchAt(ctx context.Context, p *Provider, host, realm string) (string, error) {
	got, err := (&server{provider: p}).FetchToken(ctx, &auth.FetchTokenRequest{Host: host, Realm: realm, Service: "x", Scopes: []string{"repository:a:pull"}})
	return got.GetToken(), err
}

// tlsServer is a server that the handler is told the URL of.
func tlsServer(t *testing.T, handler func(self string, w http.ResponseWriter, r *http.Request)) *httptest.Server {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(s.URL, w, r) }))
	t.Cleanup(s.Close)
	return s
}

func bearerOf(w http.ResponseWriter, realm string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="x"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// Redirects and Locations that a registry or a token server chooses, for requests that carry a
// credential.
func TestRedirects(t *testing.T) {
	plain, got := victim(t)
	other := httptest.NewTLSServer(plain.Config.Handler)
	t.Cleanup(other.Close)
	for _, target := range []string{plain.URL + "/stolen", other.URL + "/stolen"} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			for _, insecure := range []bool{false, true} {
				registry := tlsServer(t, func(self string, w http.ResponseWriter, r *http.Request) {
					switch {
					case r.URL.Path == "/token", strings.Contains(r.URL.Path, "basic") && r.Header.Get("Authorization") != "":
						w.Header().Set("Set-Cookie", "session="+secret)
						http.Redirect(w, r, target, status)
					case strings.Contains(r.URL.Path, "basic"):
						w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
						w.WriteHeader(http.StatusUnauthorized)
					case strings.Contains(r.URL.Path, "location") && r.Header.Get("Authorization") != "":
						w.Header().Set("Location", target)
						w.WriteHeader(http.StatusAccepted)
					case r.Header.Get("Authorization") == "":
						bearerOf(w, self+"/token")
					}
				})
				host := strings.TrimPrefix(registry.URL, "https://")
				p := knows(t, host)
				hosts := []string{}
				if insecure {
					hosts = append(hosts, host)
				}
				if err := p.Trust([]byte(string(pemOf(registry))+string(pemOf(other))), hosts...); err != nil {
					t.Fatal(err)
				}
				for _, repository := range []string{"basic", "bearer", "location"} {
					_, _ = p.Preflight(t.Context(), []string{host + "/team/" + repository + ":1"})
					_, _ = p.MayPush(t.Context(), host+"/team/"+repository+":1")
				}
				if token, err := fetchAt(t.Context(), p, host, registry.URL+"/token"); err == nil {
					t.Errorf("%d to %s: got the token %q", status, target, token)
				}
				neverReceives(t, got)
			}
		}
	}
}

func TestCheckRedirect(t *testing.T) {
	request := func(method, target string, headers ...string) *http.Request {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{}}
		for _, name := range headers {
			r.Header.Set(name, "x")
		}
		if method == http.MethodPost {
			r.Body = io.NopCloser(strings.NewReader("password=x"))
		}
		return r
	}
	const auth = "Authorization"
	for _, test := range []struct {
		from, to *http.Request
		allowed  bool
	}{
		{request("GET", "https://a/x"), request("GET", "https://b/y"), true},
		{request("GET", "https://a/x"), request("GET", "http://a/y"), false},
		{request("GET", "http://a/x"), request("GET", "http://b/y"), true},
		{request("GET", "https://a/x", auth), request("GET", "https://a/y", auth), true},
		{request("GET", "https://a/x", auth), request("GET", "https://A:443/y", auth), true},
		{request("GET", "https://a/x", auth), request("GET", "https://b/y"), false},
		{request("GET", "https://a/x", auth), request("GET", "https://sub.a/y"), false},
		{request("GET", "https://a/x", auth), request("GET", "https://a:8443/y"), false},
		{request("GET", "https://a/x", "Cookie"), request("GET", "https://b/y"), false},
		{request("GET", "http://a/x", auth), request("GET", "https://a/y", auth), true},
		{request("GET", "http://a/x", auth), request("GET", "https://a:8443/y", auth), false},
		{request("POST", "https://a/x"), request("POST", "https://a/y"), true},
		{request("POST", "https://a/x"), request("POST", "https://b/y"), false},
		{request("POST", "https://a/x"), request("GET", "https://b/y"), false},
		{request("POST", "https://a/x"), request("POST", "http://a/y"), false},
	} {
		err := checkRedirect(test.to, []*http.Request{test.from})
		if (err == nil) != test.allowed {
			t.Errorf("%s %v to %v: %v", test.from.Method, test.from.URL, test.to.URL, err)
		}
	}
	many := []*http.Request{}
	for range maxRedirects + 1 {
		many = append(many, request("GET", "https://a/x"))
	}
	if checkRedirect(request("GET", "https://a/x"), many) == nil {
		t.Error("it goes round for ever")
	}
}
