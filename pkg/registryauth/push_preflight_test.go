package registryauth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func saying(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, code) }
}

func TestPreflight(t *testing.T) {
	right, wrong := encoded("u", secret), encoded("u", "wrong-Password")
	for name, test := range map[string]struct {
		scheme, auth string
		plain        bool
		insecure     bool
		answer       http.HandlerFunc
		denied       bool
	}{
		"basic":                 {scheme: "Basic", auth: right},
		"bearer":                {scheme: "Bearer", auth: right},
		"open":                  {},
		"wrong basic":           {scheme: "Basic", auth: wrong, denied: true},
		"wrong bearer":          {scheme: "Bearer", auth: wrong, denied: true},
		"unknown at basic":      {scheme: "Basic", denied: true},
		"unknown at bearer":     {scheme: "Bearer", denied: true},
		"plain HTTP":            {scheme: "Basic", auth: wrong, plain: true},
		"insecure, right":       {scheme: "Bearer", auth: right, plain: true, insecure: true},
		"insecure, wrong":       {scheme: "Basic", auth: wrong, plain: true, insecure: true, denied: true},
		"insecure, wrong token": {scheme: "Bearer", auth: wrong, plain: true, insecure: true, denied: true},
		"denied":                {answer: saying(403, `{"errors":[{"code":"DENIED","message":"no"}]}`), denied: true},
		"403 of a proxy":        {answer: saying(403, `<html>blocked</html>`)},
		"403 of this address":   {answer: saying(403, `{"errors":[{"code":"DENIED","message":"client with IP '192.0.2.1' is not allowed"}]}`)},
		"401 of a proxy":        {answer: saying(401, `<html>log in to the proxy</html>`)},
		"repository is unknown": {answer: saying(404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`)},
		"out of order":          {answer: saying(503, "")},
		"read only":             {answer: saying(405, "")},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, test.scheme, test.plain, test.answer)
			config := "{}"
			if test.auth != "" {
				config = `{"auths":{"` + f.host() + `":{"auth":"` + test.auth + `"}}}`
			}
			p := mustProvider(t, config)
			var insecure []string
			if test.insecure {
				insecure = []string{f.host()}
			}
			if err := p.Trust(f.ca, insecure...); err != nil {
				t.Fatal(err)
			}
			_, err := p.Preflight(t.Context(), []string{f.host() + "/a/b:1", f.host() + "/a/b:2"})
			var denied *DeniedError
			switch {
			case test.denied && (!errors.As(err, &denied) || denied.Host != f.host() || (test.auth != "") != (denied.User == "u")):
				t.Errorf("got %v", err)
			case !test.denied && err != nil:
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "wrong-Password") {
				t.Errorf("%q has the password", err)
			}
			if n := len(f.asked(http.MethodPatch)); n > 2 {
				t.Errorf("one repository was asked for %d times", n-1)
			}
			if changed := f.asked(http.MethodPost); len(changed) > 0 {
				t.Errorf("sent %q", changed)
			}
		})
	}
}

// TestPreflightWaitsForTheCA proves that an unknown certificate is not a verdict until the CA is
// known, that a correct password then is found right.
func TestPreflightWaitsForTheCA(t *testing.T) {
	f := newFake(t, "Bearer", false, nil)
	p := mustProvider(t, `{"auths":{"`+f.host()+`":{"auth":"`+encoded("u", "wrong")+`"}}}`)
	verdict := make(chan error, 1)
	go func() {
		_, err := p.Preflight(t.Context(), []string{f.host() + "/a/b"})
		verdict <- err
	}()
	select {
	case err := <-verdict:
		t.Fatalf("too early: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := p.Trust(f.ca); err != nil {
		t.Fatal(err)
	}
	if err := <-verdict; err == nil {
		t.Error("the wrong password was not found")
	}
	if n := f.connections.Load(); n != 1 {
		t.Errorf("%d connections: the one that waited was not used", n)
	}

	p = mustProvider(t, `{"auths":{"`+f.host()+`":{"auth":"`+encoded("u", secret)+`"}}}`)
	if err := p.Trust(f.ca); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Preflight(t.Context(), []string{f.host() + "/a/b", f.host() + "/c"}); err != nil {
		t.Error(err)
	}
}

func TestPreflightOfNothing(t *testing.T) {
	p := mustProvider(t, "{}")
	if _, err := p.Preflight(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := p.Preflight(t.Context(), []string{"127.0.0.1:1/x", "UPPER"}); err != nil {
		t.Errorf("a registry that cannot be reached: %v", err)
	}
}

// TestPreflightDoubts proves that a registry which cannot be asked is named with the reason, before
// the push.
func TestPreflightDoubts(t *testing.T) {
	plain, secure := newFake(t, "", true, nil), newFake(t, "", false, nil)
	p := mustProvider(t, "{}")
	if err := p.Trust(nil); err != nil {
		t.Fatal(err)
	}
	doubts, err := p.Preflight(t.Context(), []string{plain.host() + "/a", secure.host() + "/a", "127.0.0.1:1/a", "nosuch.invalid/a"})
	if err != nil || len(doubts) != 4 {
		t.Fatalf("got %v, %v", doubts, err)
	}
	for _, doubt := range doubts {
		if doubt.Plain != (doubt.Host == plain.host()) || doubt.Untrusted != (doubt.Host == secure.host()) {
			t.Errorf("%+v", doubt)
		}
	}
	open := mustProvider(t, "{}")
	if err := open.Trust(secure.ca, plain.host()); err != nil {
		t.Fatal(err)
	}
	if doubts, err := open.Preflight(t.Context(), []string{plain.host() + "/a", secure.host() + "/a"}); err != nil || len(doubts) > 0 {
		t.Errorf("got %v, %v", doubts, err)
	}
}
