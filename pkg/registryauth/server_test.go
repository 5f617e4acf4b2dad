package registryauth

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tokenServer gives the user "u" with the password a token, as registries do.
// Without post it knows GET only, and says so with the given status.
func tokenServer(t *testing.T, withoutPost int) (url string, ca []byte) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method == http.MethodPost {
			if withoutPost != 0 {
				w.WriteHeader(withoutPost)
				return
			}
			user, password = r.PostFormValue("username"), r.PostFormValue("password")
			if token := r.PostFormValue("refresh_token"); token != "" {
				user, password = "u", token
			}
		}
		name := "anonymous"
		if user != "" || password != "" {
			if user != "u" || password != secret {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			name = r.Method
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"token": name, "access_token": name, "expires_in": 300})
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func tokenOf(t *testing.T, p *Provider, realm string) (string, error) {
	t.Helper()
	got, err := (&server{provider: p}).FetchToken(t.Context(), &auth.FetchTokenRequest{
		Host: "r.io", Realm: realm, Service: "r", Scopes: []string{"repository:a/b:pull,push"},
	})
	if err != nil {
		return "", err
	}
	if got.ExpiresIn == 0 {
		t.Error("the daemon would not know when to ask again")
	}
	return got.Token, nil
}

func TestFetchToken(t *testing.T) {
	right := `{"auths":{"r.io":{"auth":"` + encoded("u", secret) + `"}}}`
	for name, test := range map[string]struct {
		config      string
		withoutPost int
		want        string
	}{
		"post":           {right, 0, http.MethodPost},
		"GCR":            {right, http.StatusNotFound, http.MethodGet},
		"JFrog":          {right, http.StatusUnauthorized, http.MethodGet},
		"method":         {right, http.StatusMethodNotAllowed, http.MethodGet},
		"identity token": {`{"auths":{"r.io":{"identitytoken":"` + secret + `"}}}`, 0, http.MethodPost},
		"registry token": {`{"auths":{"r.io":{"registrytoken":"ready"}}}`, 0, "ready"},
		"anonymous":      {`{}`, 0, "anonymous"},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustProvider(t, test.config)
			realm, ca := tokenServer(t, test.withoutPost)
			if err := p.Trust(ca); err != nil {
				t.Fatal(err)
			}
			got, err := tokenOf(t, p, realm)
			if err != nil || got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

// TestPrivateCA proves that a token server behind a private CA is trusted after
// Trust, and not before.
func TestPrivateCA(t *testing.T) {
	p := mustProvider(t, `{}`)
	realm, ca := tokenServer(t, 0)
	_, err := tokenOf(t, p, realm)
	if err == nil || !strings.Contains(err.Error(), "x509") {
		t.Fatalf("got %v", err)
	}
	var token *TokenError
	explained := p.Explain(errors.New("failed to solve: failed to push r.io/a/b: " + err.Error()))
	if !errors.As(explained, &token) || token.Host != "r.io" || token.Realm != realm {
		t.Errorf("got %#v", explained)
	}
	if err := p.Trust(ca); err != nil {
		t.Fatal(err)
	}
	if _, err := tokenOf(t, p, realm); err != nil {
		t.Error(err)
	}
	if p.Trust(nil) != nil {
		t.Error("no CA is no error")
	}
	if p.Trust([]byte("junk")) == nil {
		t.Error("junk is no CA")
	}
}

func TestWrongPassword(t *testing.T) {
	const wrong = "wrong-Password"
	p := mustProvider(t, `{"auths":{"r.io":{"auth":"`+encoded("u", wrong)+`"}}}`)
	realm, ca := tokenServer(t, 0)
	if err := p.Trust(ca); err != nil {
		t.Fatal(err)
	}
	_, err := tokenOf(t, p, realm)
	if err == nil {
		t.Fatal("got a token")
	}
	build := errors.New("failed to push r.io/a/b:1: failed to authorize: " + err.Error())
	var denied *DeniedError
	if !errors.As(p.Explain(build), &denied) {
		t.Fatalf("got %v", p.Explain(build))
	}
	if denied.Host != "r.io" || denied.User != "u" || !strings.HasSuffix(denied.Source, configFile) || !errors.Is(denied, build) {
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
	p := mustProvider(t, `{"auths":{"r.io":{"auth":"`+encoded("u", secret)+`"}}}`)
	var shown steps
	p.ShowIn(&shown)
	s := &server{provider: p}
	for range 2 {
		got, err := s.Credentials(t.Context(), &auth.CredentialsRequest{Host: "r.io"})
		if err != nil || got.Username != "u" || got.Secret != secret {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if len(shown.names) != 1 || strings.Contains(shown.names[0], secret) || !strings.Contains(shown.names[0], "r.io") {
		t.Errorf("shown is %q", shown.names)
	}
}

// TestGoesOnWithoutHelper proves that a pull which needs no credentials is not
// hurt by a helper that is missing, and that this is shown.
func TestGoesOnWithoutHelper(t *testing.T) {
	p := mustProvider(t, `{"credsStore":"that-is-missing"}`)
	var shown steps
	p.ShowIn(&shown)
	realm, ca := tokenServer(t, 0)
	if err := p.Trust(ca); err != nil {
		t.Fatal(err)
	}
	if got, err := tokenOf(t, p, realm); err != nil || got != "anonymous" {
		t.Errorf("got %q, %v", got, err)
	}
	if len(shown.names) == 0 || !strings.Contains(shown.names[0], `"docker-credential-that-is-missing"`) {
		t.Errorf("shown is %q", shown.names)
	}
	denied := p.Explain(errors.New("failed to push r.io/a/b: push access denied: insufficient_scope"))
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
	p, err := provider(t, "{}", map[string]string{daemonTokensEnv: "1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&server{provider: p}).GetTokenAuthority(t.Context(), &auth.GetTokenAuthorityRequest{Host: "r.io"})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}
