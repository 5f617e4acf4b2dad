package registryauth

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tokenOf asks as the daemon does. The realm it names is not the registry's: the registry knows
// better.
func tokenOf(t *testing.T, p *Provider, host string, scopes ...string) (string, error) {
	t.Helper()
	return tokenShown(t, p, nil, host, scopes...)
}

func tokenShown(t *testing.T, p *Provider, shown *steps, host string, scopes ...string) (string, error) {
	t.Helper()
	s := &server{provider: p}
	if shown != nil {
		s.steps = shown
	}
	if len(scopes) == 0 {
		scopes = []string{"repository:a/b:pull,push"}
	}
	got, err := s.FetchToken(t.Context(), &auth.FetchTokenRequest{
		Host: host, Realm: "https://" + host + "/token", Service: "r", Scopes: scopes,
	})
	if err != nil {
		return "", err
	}
	if got.ExpiresIn == 0 {
		t.Error("the daemon would not know when to ask again")
	}
	return got.Token, nil
}

// trusting is a provider with this text about the fake, HOST in it, as its docker config.
func trustingFake(t *testing.T, f *fake, text string) *Provider {
	t.Helper()
	p := mustProvider(t, strings.ReplaceAll(text, "HOST", f.host()))
	if err := p.Trust(f.ca); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFetchToken(t *testing.T) {
	right := `{"auths":{"HOST":{"auth":"` + encoded("u", secret) + `"}}}`
	for name, test := range map[string]struct {
		config      string
		withoutPost int
		want        string
		method      string
	}{
		"post":           {right, 0, "u", http.MethodPost},
		"GCR":            {right, http.StatusNotFound, "u", http.MethodGet},
		"JFrog":          {right, http.StatusUnauthorized, "u", http.MethodGet},
		"method":         {right, http.StatusMethodNotAllowed, "u", http.MethodGet},
		"bad request":    {right, http.StatusBadRequest, "u", http.MethodGet},
		"media type":     {right, http.StatusUnsupportedMediaType, "u", http.MethodGet},
		"forbidden":      {right, http.StatusForbidden, "u", http.MethodGet},
		"identity token": {`{"auths":{"HOST":{"identitytoken":"` + secret + `"}}}`, 0, "u", http.MethodPost},
		"registry token": {`{"auths":{"HOST":{"registrytoken":"ready"}}}`, 0, "ready", ""},
		"anonymous":      {`{}`, 0, "unknown", http.MethodGet},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "Bearer", false, nil)
			f.withoutPost = test.withoutPost
			got, err := tokenOf(t, trustingFake(t, f, test.config), f.host())
			if err != nil || got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
			asked := f.asked("token ")
			if test.method == "" && len(asked) != 0 || test.method != "" && !strings.HasPrefix(asked[len(asked)-1], "token "+test.method) {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

// Whatever a token server that knows GET only answers to a POST, short of no answer, the GET
// follows.
func TestPostThatIsNotKnown(t *testing.T) {
	elsewhere, got := victim(t)
	for name, answer := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>Sign in</html>")
		},
		"nothing":         func(http.ResponseWriter, *http.Request) {},
		"a list":          func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") },
		"half an object":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"access_token":"u`) },
		"a number":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"access_token":1}`) },
		"no token":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"access_token":""}`) },
		"no length":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusLengthRequired) },
		"teapot":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"not modified":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"to a login page": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"repeat elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"round and round": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/token", http.StatusPermanentRedirect)
		},
	} {
		f := newFake(t, "Bearer", false, nil)
		f.post = answer
		p := trustingFake(t, f, `{"auths":{"HOST":{"auth":"`+encoded("u", secret)+`"}}}`)
		if got, err := tokenOf(t, p, f.host()); err != nil || got != "u" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		neverReceives(t, got)
		dir := t.TempDir()
		if _, err := Login(t.Context(), Options{Directory: dir, LookupEnv: noEnv}, Account{Host: f.host(), Username: "u", Password: secret, CA: f.ca}); err != nil {
			t.Errorf("%s: login: %v", name, err)
		}
	}
}

// A token server that gives a token for one repository only is asked again, for the one that
// matters.
func TestOneScope(t *testing.T) {
	const one, two, three = "repository:a/b:pull,push", "repository:base/x:pull", "repository:base/y:pull"
	for _, status := range []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity} {
		f := newFake(t, "Bearer", false, nil)
		f.oneScope = status
		p := trustingFake(t, f, `{"auths":{"HOST":{"auth":"`+encoded("u", secret)+`"}}}`)
		for _, test := range []struct {
			scopes []string
			want   string
		}{
			{[]string{two}, two}, {[]string{three, two}, three}, {[]string{two, one}, one}, {[]string{one, two}, one},
			{[]string{"repository:c/d:pull", "repository:c/d:push"}, "repository:c/d:pull,push"},
		} {
			got, err := tokenOf(t, p, f.host(), test.scopes...)
			asked := f.asked("token ")
			if err != nil || got != "u" || !strings.Contains(asked[len(asked)-1], " "+test.want+" u") {
				t.Errorf("%d, %q: got %q, %v; asked %q", status, test.scopes, got, err, asked[len(asked)-1])
			}
		}
	}
}

// TestPrivateCA proves that a token server behind a private CA is trusted after
// Trust, and not before.
func TestPrivateCA(t *testing.T) {
	f := newFake(t, "Bearer", false, nil)
	p := mustProvider(t, `{}`)
	_, err := tokenOf(t, p, f.host())
	if err == nil || !strings.Contains(err.Error(), "x509") {
		t.Fatalf("got %v", err)
	}
	var token *TokenError
	explained := p.Explain(errors.New("failed to solve: failed to push r.io/a/b: " + err.Error()))
	if !errors.As(explained, &token) || token.Host != f.host() || token.Realm != f.URL+"/token" {
		t.Errorf("got %#v", explained)
	}
	if err := p.Trust(f.ca); err != nil {
		t.Fatal(err)
	}
	if _, err := tokenOf(t, p, f.host()); err != nil {
		t.Error(err)
	}
	if p.Trust(nil) != nil {
		t.Error("a missing CA is an error")
	}
	if p.Trust([]byte("junk")) == nil {
		t.Error("junk is a CA")
	}
}

func TestWrongPassword(t *testing.T) {
	const wrong = "wrong-Password"
	f := newFake(t, "Bearer", false, nil)
	p := trustingFake(t, f, `{"auths":{"HOST":{"auth":"`+encoded("u", wrong)+`"}}}`)
	_, err := tokenOf(t, p, f.host())
	if err == nil {
		t.Fatal("got a token")
	}
	build := errors.New("failed to push " + f.host() + "/a/b:1: failed to authorize: " + err.Error())
	var denied *DeniedError
	if !errors.As(p.Explain(build), &denied) {
		t.Fatalf("got %v", p.Explain(build))
	}
	if denied.Host != f.host() || denied.User != "u" || denied.Origin != FromFile || !strings.HasSuffix(denied.Source, configFile) || !errors.Is(denied, build) {
		t.Errorf("got %+v", denied)
	}
	for _, text := range []string{err.Error(), denied.Error()} {
		if strings.Contains(text, wrong) {
			t.Errorf("%q has the password", text)
		}
	}
	var again *DeniedError
	if !errors.As(p.Explain(denied), &again) || again != denied {
		t.Errorf("explained twice: %v", again)
	}
}

func TestCredentials(t *testing.T) {
	f := newFake(t, "Basic", false, nil)
	p := trustingFake(t, f, `{"auths":{"HOST":{"auth":"`+encoded("u", secret)+`"}}}`)
	var shown steps
	s := &server{provider: p, steps: &shown}
	for range 2 {
		got, err := s.Credentials(t.Context(), &auth.CredentialsRequest{Host: f.host()})
		if err != nil || got.Username != "u" || got.Secret != secret {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if len(shown.names) != 1 || strings.Contains(shown.names[0], secret) || !strings.Contains(shown.names[0], f.host()) {
		t.Errorf("shown is %q", shown.names)
	}
}

// TestContinuesWithoutHelper proves that a pull which needs no credentials is not
// hurt by a helper that is missing, and that this is shown.
func TestContinuesWithoutHelper(t *testing.T) {
	f := newFake(t, "Bearer", false, nil)
	p := trustingFake(t, f, `{"credsStore":"that-is-missing"}`)
	var shown steps
	if got, err := tokenShown(t, p, &shown, f.host()); err != nil || got != "unknown" {
		t.Errorf("got %q, %v", got, err)
	}
	if !strings.Contains(strings.Join(shown.names, "\n"), `"docker-credential-that-is-missing"`) {
		t.Errorf("shown is %q", shown.names)
	}
	denied := p.Explain(errors.New("failed to push " + f.host() + "/a/b: push access denied: insufficient_scope"))
	if !strings.Contains(denied.Error(), "docker-credential-that-is-missing") {
		t.Errorf("%q does not say why there were no credentials", denied)
	}
}

type steps struct {
	mu    sync.Mutex
	names []string
}

func (s *steps) Step(name string) func(error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
	return func(error) {}
}

func TestDaemonFetchesTokens(t *testing.T) {
	p := provider(t, "{}", map[string]string{daemonTokensEnv: "1"})
	_, err := (&server{provider: p}).GetTokenAuthority(t.Context(), &auth.GetTokenAuthorityRequest{Host: "r.io"})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}
