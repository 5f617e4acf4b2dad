package token

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
)

func TestParseScopes(t *testing.T) {
	for _, test := range []struct {
		name string
		in   []string
		want []Access
	}{
		{"nothing", nil, nil},
		{"one", []string{"repository:a/b:pull,push"}, []Access{{"repository", "a/b", []string{"pull", "push"}}}},
		{"a port in the name", []string{"repository:host:5000/a:pull"}, []Access{{"repository", "host:5000/a", []string{"pull"}}}},
		{"several in one", []string{"repository:a:pull repository:b:push"},
			[]Access{{"repository", "a", []string{"pull"}}, {"repository", "b", []string{"push"}}}},
		{"several", []string{"repository:a:pull", "registry:catalog:*"},
			[]Access{{"repository", "a", []string{"pull"}}, {"registry", "catalog", []string{"*"}}}},
		{"not scopes", []string{"", "repository", "repository:a", ":a:pull"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseScopes(test.in); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestGrant(t *testing.T) {
	asked := []Access{{"repository", "a", []string{"pull", "push"}}, {"repository", "b", []string{"delete"}}}
	for _, test := range []struct {
		name    string
		allowed []string
		want    []Access
	}{
		{"everything", []string{"*"}, asked},
		{"some", []string{"pull"}, []Access{{"repository", "a", []string{"pull"}}}},
		{"nothing", nil, []Access{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := grant(asked, test.allowed); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func FuzzParseScopes(f *testing.F) {
	f.Add("repository:a/b:pull,push registry:catalog:*")
	f.Fuzz(func(t *testing.T, scope string) {
		for _, access := range parseScopes([]string{scope}) {
			if access.Type == "" || len(access.Actions) == 0 {
				t.Errorf("%q gave %+v", scope, access)
			}
		}
	})
}

func TestHandler(t *testing.T) {
	server, pair := newServer(t)
	ask := func(form url.Values, user, password string) (int, map[string]any) {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, server.URL+"/token?scope=repository:a:pull,push&offline_token=true", nil)
		if form != nil {
			request, err = http.NewRequest(http.MethodPost, server.URL+"/token", strings.NewReader(form.Encode()))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			request.SetBasicAuth(user, password)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer map[string]any
		_ = json.NewDecoder(response.Body).Decode(&answer) // a refusal may be plain text
		return response.StatusCode, answer
	}
	form := func(pairs ...string) url.Values {
		values := url.Values{"scope": {"repository:a:pull,push"}, "access_type": {"offline"}}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return values
	}
	_, first := ask(form("grant_type", "password", "username", "reader", "password", "right"), "", "")
	refresh, _ := first["refresh_token"].(string)
	for _, test := range []struct {
		name           string
		form           url.Values
		user, password string
		status         int
		actions        []any
	}{
		{"get, right", nil, "reader", "right", 200, []any{"pull"}},
		{"get, wrong", nil, "reader", "wrong", 401, nil},
		{"get, unknown", nil, "stranger", "", 401, nil},
		{"get, anonymous", nil, "", "", 200, nil},
		{"post, right", form("grant_type", "password", "username", "reader", "password", "right"), "", "", 200, []any{"pull"}},
		{"post, wrong", form("grant_type", "password", "username", "reader", "password", "wrong"), "", "", 401, nil},
		{"post, refresh", form("grant_type", "refresh_token", "refresh_token", refresh), "", "", 200, []any{"pull"}},
		{"post, unknown refresh", form("grant_type", "refresh_token", "refresh_token", "x"), "", "", 401, nil},
		{"post, unknown grant", form("grant_type", "x"), "", "", 400, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, answer := ask(test.form, test.user, test.password)
			if status != test.status {
				t.Fatalf("got status %d, want %d", status, test.status)
			}
			if status == 200 {
				if got := verify(t, pair, answer["token"].(string)); !reflect.DeepEqual(got, test.actions) {
					t.Errorf("the token allows %v, want %v", got, test.actions)
				}
			}
		})
	}
}

func newServer(t *testing.T) (*httptest.Server, tls.Certificate) {
	t.Helper()
	authority, err := pki.NewAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	files, err := authority.Issue("server", pki.Subject{Name: "server", Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Users: map[string]User{"reader": {Password: "right", Actions: []string{"pull"}}}}
	server := httptest.NewServer(newHandler(config, pair))
	t.Cleanup(server.Close)
	return server, pair
}

// verify checks the signature of a token and returns the actions that its first access allows.
func verify(t *testing.T, pair tls.Certificate, token string) []any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a token", token)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes: %v", len(signature), err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	key := pair.PrivateKey.(*ecdsa.PrivateKey).PublicKey
	if !ecdsa.Verify(&key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the signature is wrong")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Access []struct{ Actions []any } }
	if err := json.Unmarshal(data, &claims); err != nil {
		t.Fatal(err)
	}
	if len(claims.Access) == 0 {
		return nil
	}
	return claims.Access[0].Actions
}
