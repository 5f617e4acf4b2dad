package registryauth

import (
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secret is what no error and no message may hold.
const secret = "hunter2-Secret"

func encoded(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func noEnv(string) (string, bool) { return "", false }

// provider reads a config with the given text.
func provider(t *testing.T, text string, env map[string]string) (*Provider, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(Options{Directory: dir, LookupEnv: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}})
}

func mustProvider(t *testing.T, text string) *Provider {
	t.Helper()
	p, err := provider(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBrokenConfig(t *testing.T) {
	for name, test := range map[string]struct {
		text         string
		line, column int
	}{
		"cut off":     {"{\n  \"auths\": {", 2, 12},
		"comma":       {"{\n  \"auths\": {},\n}", 3, 1},
		"wrong type":  {"{\n  \"credsStore\": 1\n}", 2, 17},
		"not JSON":    {"hello", 1, 1},
		"first line":  {"{,}", 1, 2},
		"binary junk": {"\x00", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := provider(t, test.text, nil)
			var broken *ConfigError
			if !errors.As(err, &broken) {
				t.Fatalf("got %v", err)
			}
			if broken.Line != test.line || broken.Column != test.column {
				t.Errorf("got %d:%d, want %d:%d in %v", broken.Line, broken.Column, test.line, test.column, err)
			}
			if !strings.Contains(err.Error(), configFile) {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

func TestAbsentConfig(t *testing.T) {
	for name, dir := range map[string]string{"no folder": filepath.Join(t.TempDir(), "none"), "no file": t.TempDir()} {
		p, err := New(Options{Directory: dir, LookupEnv: noEnv})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, unread := p.keychain.find(t.Context(), "example.com"); got != (Credentials{}) || unread != nil {
			t.Errorf("%s: got %+v, %v", name, got, unread)
		}
	}
	if _, err := provider(t, " \n", nil); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func TestUnreadableConfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, configFile), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := New(Options{Directory: dir, LookupEnv: noEnv})
	var broken *ConfigError
	if !errors.As(err, &broken) || broken.Line != 0 || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}

func TestBrokenEnvironment(t *testing.T) {
	_, err := provider(t, "{}", map[string]string{authEnv: `{"auths":`})
	if err == nil || !strings.Contains(err.Error(), authEnv) {
		t.Errorf("got %v", err)
	}
}

func TestDirectory(t *testing.T) {
	set := func(string) (string, bool) { return "/elsewhere", true }
	if got := Directory(set, "/home/me"); got != "/elsewhere" {
		t.Errorf("got %q", got)
	}
	if got := Directory(noEnv, "/home/me"); got != filepath.Join("/home/me", ".docker") {
		t.Errorf("got %q", got)
	}
}

func TestProxies(t *testing.T) {
	p := mustProvider(t, `{"proxies":{"default":{"httpProxy":"http://p","noProxy":"local"},"tcp://x":{"ftpProxy":"no"}}}`)
	want := map[string]string{"HTTP_PROXY": "http://p", "NO_PROXY": "local"}
	if got := p.Proxies(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := mustProvider(t, "{}").Proxies(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestEntries(t *testing.T) {
	for name, test := range map[string]struct {
		text, host string
		want       Credentials // without the source
	}{
		"auth":           {`{"auths":{"r.io":{"auth":"` + encoded("u", "p:q") + `"}}}`, "r.io", Credentials{Username: "u", Secret: "p:q"}},
		"plain":          {`{"auths":{"r.io":{"username":"u","password":"p"}}}`, "r.io", Credentials{Username: "u", Secret: "p"}},
		"tenancy":        {`{"auths":{"iad.ocir.io":{"auth":"` + encoded("tenancy/user", "p") + `"}}}`, "iad.ocir.io", Credentials{Username: "tenancy/user", Secret: "p"}},
		"port":           {`{"auths":{"r.io:5000":{"auth":"` + encoded("u", "p") + `"}}}`, "r.io:5000", Credentials{Username: "u", Secret: "p"}},
		"other port":     {`{"auths":{"r.io:5000":{"auth":"` + encoded("u", "p") + `"}}}`, "r.io", Credentials{}},
		"URL":            {`{"auths":{"https://r.io/v2/":{"auth":"` + encoded("u", "p") + `"}}}`, "r.io", Credentials{Username: "u", Secret: "p"}},
		"exact over URL": {`{"auths":{"https://r.io/":{"auth":"` + encoded("old", "p") + `"},"r.io":{"auth":"` + encoded("u", "p") + `"}}}`, "r.io", Credentials{Username: "u", Secret: "p"}},
		"hub":            {`{"auths":{"https://index.docker.io/v1/":{"auth":"` + encoded("u", "p") + `"}}}`, hubHost, Credentials{Username: "u", Secret: "p"}},
		"hub by name":    {`{"auths":{"docker.io":{"auth":"` + encoded("u", "p") + `"}}}`, hubHost, Credentials{Username: "u", Secret: "p"}},
		"identity token": {`{"auths":{"r.io":{"auth":"` + encoded("u", "") + `","identitytoken":"t"}}}`, "r.io", Credentials{Secret: "t"}},
		"registry token": {`{"auths":{"r.io":{"registrytoken":"t"}}}`, "r.io", Credentials{RegistryToken: "t"}},
		"empty":          {`{"auths":{"r.io":{}}}`, "r.io", Credentials{}},
		"no password":    {`{"auths":{"r.io":{"auth":"` + encoded("u", "") + `"}}}`, "r.io", Credentials{}},
		"zero bytes":     {`{"auths":{"r.io":{"auth":"` + encoded("u", "p\x00\x00") + `"}}}`, "r.io", Credentials{Username: "u", Secret: "p"}},
		"other host":     {`{"auths":{"r.io":{"auth":"` + encoded("u", "p") + `"}}}`, "x.io", Credentials{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, unread := mustProvider(t, test.text).keychain.find(t.Context(), test.host)
			if unread != nil {
				t.Fatal(unread)
			}
			if (got.Source == "") != (got == Credentials{}) {
				t.Errorf("the source of %+v is %q", got, got.Source)
			}
			got.Source = ""
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestEnvironmentComesFirst(t *testing.T) {
	p, err := provider(t, `{"auths":{"r.io":{"auth":"`+encoded("file", "p")+`"},"x.io":{"auth":"`+encoded("file", "p")+`"}}}`,
		map[string]string{authEnv: `{"auths":{"r.io":{"auth":"` + encoded("env", "p") + `"}}}`})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"r.io": "env", "x.io": "file"} {
		if got, _ := p.keychain.find(t.Context(), host); got.Username != want {
			t.Errorf("%s: got %q, want %q", host, got.Username, want)
		}
	}
}

// TestBrokenEntry proves that an entry which cannot be decoded hurts its host
// only, and is not quoted.
func TestBrokenEntry(t *testing.T) {
	p := mustProvider(t, `{"auths":{"bad.io":{"auth":"`+secret+`!"},"half.io":{"auth":"`+
		base64.StdEncoding.EncodeToString([]byte(secret))+`"},"good.io":{"auth":"`+encoded("u", "p")+`"}}}`)
	for _, host := range []string{"bad.io", "half.io"} {
		got, unread := p.keychain.find(t.Context(), host)
		if got != (Credentials{}) || unread == nil || unread.Host != host {
			t.Fatalf("%s: got %+v, %v", host, got, unread)
		}
		if text := unread.Error(); strings.Contains(text, secret) || !strings.Contains(text, configFile) || !strings.Contains(text, "base64") {
			t.Errorf("got %q", text)
		}
	}
	if got, unread := p.keychain.find(t.Context(), "good.io"); got.Username != "u" || unread != nil {
		t.Errorf("got %+v, %v", got, unread)
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"auths":{"https://r.io/":{"auth":"dTpw"}}}`, `{"auths":null,"credHelpers":{"":"x"}}`, "{\n\n,", `{"auths":{"://":{"auth":"="}}}`} {
		f.Add([]byte(seed), "r.io")
	}
	f.Fuzz(func(t *testing.T, text []byte, host string) {
		parsed, err := parseConfig("config.json", text)
		if err != nil {
			var broken *ConfigError
			if !errors.As(err, &broken) || broken.Line < 0 || broken.Column < 0 {
				t.Fatalf("got %v", err)
			}
			return
		}
		if found, ok := matching(parsed.Auths, keysOf(host)); ok {
			_, _ = fromEntry(found, host, "config.json")
		}
	})
}
