package registryauth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moby/buildkit/session/auth"
)

// The realm that the daemon names gets no password, unless the registry names it too.
func TestRealmOfTheDaemon(t *testing.T) {
	evil, got := victim(t)
	secure := httptest.NewTLSServer(evil.Config.Handler)
	t.Cleanup(secure.Close)
	bearer, basic := newFake(t, "Bearer", false, nil), newFake(t, "Basic", false, nil)
	for name, test := range map[string]struct{ host, realm string }{
		"unreachable registry, plain HTTP": {"registry.bank.invalid", evil.URL + "/token"},
		"unreachable registry, TLS":        {"registry.bank.invalid", secure.URL + "/token"},
		"registry of passwords":            {basic.host(), secure.URL + "/token"},
		"no URL":                           {basic.host(), "://"},
		"a file":                           {basic.host(), "file:///etc/passwd"},
		"user in it":                       {"registry.bank.invalid", strings.Replace(secure.URL, "//", "//u:p@", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			p := knows(t, test.host)
			if err := p.Trust([]byte(string(pemOf(secure)) + string(bearer.ca) + string(basic.ca))); err != nil {
				t.Fatal(err)
			}
			if token, err := fetchAt(t.Context(), p, test.host, test.realm); err == nil {
				t.Errorf("got %q", token)
			}
			neverReceives(t, got)
		})
	}
	p := knows(t, bearer.host())
	if err := p.Trust(bearer.ca); err != nil {
		t.Fatal(err)
	}
	if token, err := fetchAt(t.Context(), p, bearer.host(), evil.URL+"/token"); err != nil || token != "u" {
		t.Errorf("the registry's own token server: got %q, %v", token, err)
	}
	neverReceives(t, got)
}

// The password is for registries that want it with every request, by their own word.
func TestPasswordOnlyForBasic(t *testing.T) {
	basic, bearer, open, plain := newFake(t, "Basic", false, nil), newFake(t, "Bearer", false, nil), newFake(t, "", false, nil), newFake(t, "Basic", true, nil)
	pushes := newFake(t, "", false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	busy := newFake(t, "", false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	const far = "registry.bank.invalid"
	for name, test := range map[string]struct {
		host  string
		named []string
		limit []string
		want  bool
	}{
		"basic":                   {host: basic.host(), want: true},
		"bearer":                  {host: bearer.host()},
		"bearer, named":           {host: bearer.host(), named: []string{bearer.host() + "/a"}},
		"open":                    {host: open.host()},
		"open but for pushes":     {host: pushes.host(), named: []string{pushes.host() + "/a"}, want: true},
		"busy, named":             {host: busy.host(), named: []string{busy.host() + "/a"}, want: true},
		"unreachable":             {host: far},
		"unreachable, named":      {host: far, named: []string{far + "/a:1"}, want: true},
		"unreachable, allowed":    {host: far, limit: []string{far}, want: true},
		"plain HTTP":              {host: plain.host()},
		"basic, others allowed":   {host: basic.host(), limit: []string{"x.io"}},
		"basic, none allowed":     {host: basic.host(), limit: []string{}},
		"basic, allowed":          {host: basic.host(), limit: []string{basic.host()}, want: true},
		"named, but none allowed": {host: far, named: []string{far + "/a:1"}, limit: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := configFor(t, test.host)
			if test.limit != nil {
				c.Limit(test.limit)
			}
			p := c.Provider(Build{Pushes: test.named})
			if err := p.Trust([]byte(string(basic.ca) + string(bearer.ca) + string(open.ca) + string(pushes.ca) + string(busy.ca))); err != nil {
				t.Fatal(err)
			}
			got, err := (&server{provider: p}).Credentials(t.Context(), &auth.CredentialsRequest{Host: test.host})
			if err != nil || (got.Secret == secret) != test.want || !test.want && got.Secret+got.Username != "" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// A token that a config has ready is the daemon's only for a registry that wants one.
func TestReadyTokenOnlyForBearer(t *testing.T) {
	basic := newFake(t, "Basic", false, nil)
	p := trustingFake(t, basic, `{"auths":{"HOST":{"registrytoken":"`+secret+`"},"registry.bank.invalid":{"registrytoken":"`+secret+`"}}}`)
	for _, host := range []string{basic.host(), "registry.bank.invalid"} {
		if token, err := fetchAt(t.Context(), p, host, "https://"+host+"/token"); err == nil || strings.Contains(token, secret) {
			t.Errorf("%s: got %q, %v", host, token, err)
		}
	}
}

// The daemon's word counts for the registry's own domain alone.
func TestSameDomain(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"registry.example.com", "auth.example.com:8443", true},
		{"Registry.example.com:5000", "registry.example.com", true},
		{"registry.example.com", "example.com.evil.io", false},
		{"registry.example.com", "evilexample.com", false},
		{"a.github.io", "b.github.io", false},
		{"a.co.uk", "b.co.uk", false},
		{"10.0.0.1:5000", "10.0.0.1", true},
		{"10.0.0.1", "192.168.0.1", false},
		{"[::1]:5000", "[::2]", false},
		{"registry", "registry:5000", true},
		{"registry", "other", false},
		{"registry.team.svc.cluster.local", "auth.other.svc.cluster.local", false},
		{"registry.team.svc", "registry.other.svc", false},
		{"", "", false},
	} {
		if got := sameDomain(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}
