package registryauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func (f *fake) host() string { return f.Listener.Addr().String() }

// account is local, so that without a CA nothing is verified.
func (f *fake) account(password string) Account {
	return Account{Host: f.host(), Username: "u", Password: password, CA: f.ca}
}

func TestLogin(t *testing.T) {
	for name, test := range map[string]struct {
		scheme    string
		plain     bool
		want      storedEntry
		unchecked bool
	}{
		"basic":  {"Basic", false, storedEntry{Auth: encoded("u", secret)}, false},
		"plain":  {"Basic", true, storedEntry{Auth: encoded("u", secret)}, false},
		"bearer": {"Bearer", false, storedEntry{Auth: encoded("u", ""), IdentityToken: "id"}, false},
		"open":   {"", false, storedEntry{Auth: encoded("u", secret)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, test.scheme, test.plain, nil)
			opts := Options{Directory: filepath.Join(t.TempDir(), "new", ".docker"), LookupEnv: noEnv}
			stored, err := Login(t.Context(), opts, f.account(secret))
			if err != nil || !stored.Plain || stored.Unchecked != test.unchecked {
				t.Fatalf("got %+v, %v", stored, err)
			}
			var file struct{ Auths map[string]storedEntry }
			read(t, filepath.Join(opts.Directory, configFile), &file)
			if file.Auths[f.host()] != test.want {
				t.Errorf("stored is %+v", file)
			}
			p := Read(opts).Provider(Build{})
			if err := p.Trust(f.ca); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Preflight(t.Context(), []string{f.host() + "/a/b"}); err != nil {
				t.Errorf("what was stored is refused: %v", err)
			}
		})
	}
}

func TestLoginRefused(t *testing.T) {
	for _, scheme := range []string{"Basic", "Bearer"} {
		f := newFake(t, scheme, false, nil)
		opts := Options{Directory: t.TempDir(), LookupEnv: noEnv}
		_, err := Login(t.Context(), opts, f.account("wrong-Password"))
		var refused *LoginError
		if !errors.As(err, &refused) || refused.Host != f.host() || strings.Contains(err.Error(), "wrong-Password") {
			t.Errorf("%s: got %v", scheme, err)
		}
		if _, err := os.Stat(filepath.Join(opts.Directory, configFile)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was stored: %v", scheme, err)
		}
	}
}

func TestLoginUnreachable(t *testing.T) {
	opts := Options{Directory: t.TempDir(), LookupEnv: noEnv}
	gone := newFake(t, "", true, nil)
	gone.Close()
	var unreachable *UnreachableError
	if _, err := Login(t.Context(), opts, gone.account(secret)); !errors.As(err, &unreachable) {
		t.Errorf("got %v", err)
	}
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	account := Account{Host: page.Listener.Addr().String(), Username: "u", Password: secret}
	if _, err := Login(t.Context(), opts, account); !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

// What is not the registry's word on a password is not said to be one, and nothing is stored.
func TestLoginWithoutAQuestion(t *testing.T) {
	answer := func(code int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				t.Error("a password was sent")
			}
			w.Header().Set("Content-Type", media)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		unasked bool
	}{
		"denied":           {answer(http.StatusForbidden, "text/plain", "go away"), true},
		"no challenge":     {answer(http.StatusUnauthorized, "application/json", "{}"), true},
		"a web page":       {answer(http.StatusOK, "text/html; charset=utf-8", "<html>"), false},
		"not even TLS":     {nil, false},
		"a server's fault": {answer(http.StatusInternalServerError, "text/html", "<html>"), false},
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Directory: t.TempDir(), LookupEnv: noEnv}
			host := banner(t)
			if c.handler != nil {
				server := httptest.NewTLSServer(c.handler)
				t.Cleanup(server.Close)
				host = server.Listener.Addr().String()
			}
			_, err := Login(t.Context(), opts, Account{Host: host, Username: "u", Password: secret})
			var refused *LoginError
			var unreachable *UnreachableError
			if !errors.As(err, &refused) && !errors.As(err, &unreachable) || c.unasked != (refused != nil && refused.Unasked) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(filepath.Join(opts.Directory, configFile)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was stored: %v", err)
			}
		})
	}
}

// banner is a server that has neither TLS nor HTTP, and answers as if it did not understand.
func banner(t *testing.T) (host string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "<!DOCTYPE html>what?")
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// A registry without TLS is asked without it, whatever it makes of a TLS handshake.
func TestSpeaksPlain(t *testing.T) {
	host := banner(t)
	r := newRegistry(newClient(rules{transport: transport(trustingAll())}), host, false)
	_, err := r.send(t.Context(), http.MethodGet, "/v2/", authorization{})
	if !speaksPlain(err) || !unreachable(r, err).Plain {
		t.Errorf("got %v", err)
	}
}

// TestDocumentKeepsTheRest proves that what login does not know stays, to the last digit.
func TestDocumentKeepsTheRest(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, configFile)
	text := `{"auths":{"x.io":{"auth":"dTpw","email":"a@b"},"https://r.io/v1/":{"auth":"dTpw"}},"big":12345678901234567890,"plugins":{"a":{"b":"c"}},"credHelpers":{"y.io":"z"}}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), configFile)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := keep(t.Context(), Options{Directory: filepath.Dir(link)}, "docker.io", Credentials{Username: "t/u", Secret: "p"}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if places, err := Logout(t.Context(), Options{Directory: filepath.Dir(link), LookupEnv: noEnv}, "r.io"); err != nil || len(places) != 1 {
		t.Errorf("got %v, %v", places, err)
	}
	var got, want map[string]any
	read(t, path, &got)
	auth := base64.StdEncoding.EncodeToString([]byte("t/u:p"))
	if err := json.Unmarshal([]byte(`{"auths":{"x.io":{"auth":"dTpw","email":"a@b"},"`+hubKey+`":{"auth":"`+auth+
		`"}},"big":12345678901234567890,"plugins":{"a":{"b":"c"}},"credHelpers":{"y.io":"z"}}`), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if raw, _ := os.ReadFile(path); !strings.Contains(string(raw), "12345678901234567890") {
		t.Errorf("digits are lost: %s", raw)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}
	if places, err := Logout(t.Context(), Options{Directory: dir, LookupEnv: noEnv}, "r.io"); err != nil || len(places) != 0 {
		t.Errorf("again: %v, %v", places, err)
	}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func TestParseHost(t *testing.T) {
	for text, want := range map[string]string{
		"r.io": "r.io", "https://r.io/v2/": "r.io", "http://r.io:5000": "r.io:5000", "docker.io": "docker.io",
		"https://index.docker.io/v1/": "docker.io", "registry-1.docker.io": "docker.io", "localhost:5000": "localhost:5000",
		"iad.ocir.io/": "iad.ocir.io", "[::1]:5000": "[::1]:5000",
		"": "", "r.io/team": "", "a b": "", "r.io:x": "", "name": "", "https://": "",
	} {
		if got, err := ParseHost(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, seed := range []string{"r.io", "https://r.io:5000/v2/", "docker.io", "[::1]:5000", "a/b", "", "://", "r.io:99999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, err := ParseHost(text)
		if err != nil {
			return
		}
		if host == "" || strings.ContainsAny(host, "/ @\n") {
			t.Fatalf("%q: got %q", text, host)
		}
		if again, err := ParseHost(host); err != nil || again != host {
			t.Fatalf("%q: got %q, and of that %q, %v", text, host, again, err)
		}
	})
}
