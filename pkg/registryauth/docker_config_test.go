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

// configOf reads a config with the given text.
func configOf(t *testing.T, text string, env map[string]string) *Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(Options{Directory: dir, LookupEnv: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}})
}

func provider(t *testing.T, text string, env map[string]string) *Provider {
	t.Helper()
	return configOf(t, text, env).Provider(Build{})
}

func mustProvider(t *testing.T, text string) *Provider {
	t.Helper()
	return provider(t, text, nil)
}

// A config that cannot be read, as a whole or in one field, is a warning that says where, and the
// rest is used.
func TestBrokenConfig(t *testing.T) {
	const rest = `"credHelpers":{"h.io":"x/evil"}`
	for name, test := range map[string]struct {
		text         string
		line, column int
		used         bool // the helper is
	}{
		"cut off":       {"{\n  \"auths\": {", 2, 12, false},
		"comma":         {"{\n  \"auths\": {},\n}", 3, 1, false},
		"wrong type":    {"{\n  \"credsStore\": 1,\n" + rest + "}", 2, 17, true},
		"list of auths": {"{\"auths\":[],\n" + rest + "}", 1, 10, true},
		"not JSON":      {"hello", 1, 1, false},
		"first line":    {"{,}", 1, 2, false},
		"binary junk":   {"\x00", 1, 1, false},
		"a list":        {"[]", 1, 1, false},
		"mark":          {"\xef\xbb\xbf{" + rest + "}", 0, 0, true},
		"number":        {"{\"auths\":" + strings.Repeat("7", 9) + "," + rest + "}", 1, 18, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := configOf(t, test.text, nil)
			p := c.Provider(Build{})
			warnings := c.Warnings()
			if len(warnings) != 1 || !strings.Contains(warnings[0], configFile) || strings.Contains(warnings[0], "777777777") {
				t.Fatalf("got %q", warnings)
			}
			fault := p.keychain.file.faults[0]
			if fault.Line != test.line || fault.Column != test.column {
				t.Errorf("got %d:%d, want %d:%d in %v", fault.Line, fault.Column, test.line, test.column, fault)
			}
			_, unread := p.keychain.find(t.Context(), purpose{host: "h.io"})
			if used := unread != nil && unread.Origin == FromHelper || unread != nil && len(p.keychain.sources(purpose{host: "h.io"})) == 2; used != test.used {
				t.Errorf("the rest is used: %v, want %v (%v)", used, test.used, unread)
			}
			if _, unread := p.keychain.find(t.Context(), purpose{host: "z.io"}); !test.used && (unread == nil || !strings.Contains(unread.Error(), configFile)) {
				t.Errorf("a refusal of z.io could not be explained: %v", unread)
			}
		})
	}
}

func TestAbsentConfig(t *testing.T) {
	for name, dir := range map[string]string{"no directory": filepath.Join(t.TempDir(), "none"), "no file": t.TempDir(), "no home": ""} {
		c := Read(Options{Directory: dir, LookupEnv: noEnv})
		if got, unread := c.Provider(Build{}).keychain.find(t.Context(), purpose{host: "example.com"}); got != (Credentials{}) || unread != nil || len(c.Warnings()) != 0 {
			t.Errorf("%s: got %+v, %v, %q", name, got, unread, c.Warnings())
		}
	}
	if c := configOf(t, " \n", nil); len(c.Warnings()) != 0 {
		t.Errorf("an empty file: %q", c.Warnings())
	}
}

func TestUnreadableConfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, configFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := Read(Options{Directory: dir, LookupEnv: noEnv}).Warnings(); len(got) != 1 || !strings.Contains(got[0], "is a directory") {
		t.Errorf("got %q", got)
	}
	_, err := Login(t.Context(), Options{Directory: dir, LookupEnv: noEnv}, Account{Host: "127.0.0.1:1"})
	var broken *ConfigError
	if !errors.As(err, &broken) {
		t.Errorf("login: %v", err)
	}
}

// What docker does not understand in the variable does not hide the file.
func TestBrokenEnvironment(t *testing.T) {
	file := `{"auths":{"r.io":{"auth":"` + encoded("file", "p") + `"}}}`
	for _, text := range []string{`{"auths":`, "not json", `{"auths":[]}`, `{"auths":{"r.io":{}}}`, `{"auths":{"r.io":{"auth":"!"}}}`, `{"credsStore":"x/evil"}`} {
		c := configOf(t, file, map[string]string{authEnv: text})
		got, unread := c.Provider(Build{}).keychain.find(t.Context(), purpose{host: "r.io"})
		if got.Username != "file" || unread != nil {
			t.Errorf("%s: got %+v, %v", text, got, unread)
		}
		for _, warning := range c.Warnings() {
			if !strings.Contains(warning, authEnv) {
				t.Errorf("%s: %q", text, warning)
			}
		}
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
	if got := Directory(noEnv, ""); got != "" {
		t.Errorf("without a home: %q", got)
	}
	relative := func(string) (string, bool) { return "mine", true }
	if got := Directory(relative, ""); !filepath.IsAbs(got) || filepath.Base(got) != "mine" {
		t.Errorf("what the user named: %q", got)
	}
}

func TestProxies(t *testing.T) {
	c := configOf(t, `{"proxies":{"default":{"httpProxy":"http://p","noProxy":"local"},"tcp://x":{"ftpProxy":"no"}}}`, nil)
	want := map[string]string{"HTTP_PROXY": "http://p", "NO_PROXY": "local"}
	if got := c.Proxies(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := configOf(t, "{}", nil).Proxies(); len(got) != 0 {
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
			got, unread := mustProvider(t, test.text).keychain.find(t.Context(), purpose{host: test.host})
			if unread != nil {
				t.Fatal(unread)
			}
			if (got.Source == "") != (got == Credentials{}) {
				t.Errorf("the source of %+v is %q", got, got.Source)
			}
			got.Source, got.Origin = "", FromNowhere
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestEnvironmentComesFirst(t *testing.T) {
	p := provider(t, `{"auths":{"r.io":{"auth":"`+encoded("file", "p")+`"},"x.io":{"auth":"`+encoded("file", "p")+`"}}}`,
		map[string]string{authEnv: `{"auths":{"r.io":{"auth":"` + encoded("env", "p") + `"}}}`})
	for host, want := range map[string]string{"r.io": "env", "x.io": "file"} {
		if got, _ := p.keychain.find(t.Context(), purpose{host: host}); got.Username != want {
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
		got, unread := p.keychain.find(t.Context(), purpose{host: host})
		if got != (Credentials{}) || unread == nil || unread.Host != host {
			t.Fatalf("%s: got %+v, %v", host, got, unread)
		}
		if text := unread.Error(); strings.Contains(text, secret) || !strings.Contains(text, configFile) || !strings.Contains(text, "base64") {
			t.Errorf("got %q", text)
		}
	}
	if got, unread := p.keychain.find(t.Context(), purpose{host: "good.io"}); got.Username != "u" || unread != nil {
		t.Errorf("got %+v, %v", got, unread)
	}
}

// Names of fields come in any case, and twice, as docker reads them.
func TestFieldsAsDockerReadsThem(t *testing.T) {
	is := func(user string) string { return `{"auth":"` + encoded(user, "p") + `"}` }
	for text, want := range map[string]map[string]string{
		`{"Auths":{"r.io":` + is("u") + `}}`:                                                                {"r.io": "u"},
		`{"AUTHS":{"r.io":{"Auth":"` + encoded("u", "p") + `"}}}`:                                           {"r.io": "u"},
		`{"auths":{"r.io":` + is("u") + `},"auths":{"x.io":` + is("x") + `}}`:                               {"r.io": "u", "x.io": "x"},
		`{"auths":{"r.io":` + is("old") + `},"Auths":{"r.io":` + is("new") + `}}`:                           {"r.io": "new"},
		`{"auths":{"r.io":` + is("old") + `,"r.io":` + is("new") + `}}`:                                     {"r.io": "new"},
		`{"auths":{"r.io":` + is("u") + `},"auths":null,"other":{"auths":{"x.io":` + is("x") + `}}}`:        {"r.io": "", "x.io": ""},
		`{"auths":{"r.io":` + is("u") + `,"x.io":17,"y.io":{"auth":[]},"z.io":null},"detachKeys":"\u0000"}`: {"r.io": "u", "x.io": "", "y.io": "", "z.io": ""},
		`{"auths":{"r.io":` + is("u") + `},"CredsStore":"x/evil"}`:                                          {"r.io": "u"},
	} {
		p := mustProvider(t, text)
		for host, user := range want {
			if got, _ := p.keychain.find(t.Context(), purpose{host: host}); got.Username != user {
				t.Errorf("%s: %s: got %q", text, host, got.Username)
			}
		}
	}
	if p := mustProvider(t, `{"CredsStore":"x/evil"}`); len(p.keychain.sources(purpose{host: "r.io"})) != 1 {
		t.Error("CredsStore is not read")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, configFile)
	if err := os.WriteFile(path, []byte(`{"Auths":{"r.io":`+is("a")+`},"auths":{"x.io":`+is("x")+`},"auths":{"r.io":`+is("b")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := Options{Directory: dir, LookupEnv: noEnv}
	if places, err := Logout(t.Context(), opts, "r.io"); err != nil || len(places) != 1 {
		t.Fatalf("got %q, %v", places, err)
	}
	for host, user := range map[string]string{"r.io": "", "x.io": "x"} {
		if got, _ := Read(opts).Provider(Build{}).keychain.find(t.Context(), purpose{host: host}); got.Username != user {
			t.Errorf("after logout: %s: got %q", host, got.Username)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"auths":{"https://r.io/":{"auth":"dTpw"}}}`, `{"auths":null,"credHelpers":{"":"x"}}`, "{\n\n,", `{"auths":{"://":{"auth":"="}}}`} {
		f.Add([]byte(seed), "r.io")
	}
	f.Fuzz(func(t *testing.T, text []byte, host string) {
		parsed, faults := parseConfig("config.json", text)
		for _, broken := range faults {
			if broken.Line < 0 || broken.Column < 0 {
				t.Fatalf("got %v", broken)
			}
		}
		for _, found := range matching(parsed.Auths, purpose{host: host, path: "a/b"}, true) {
			_, _ = fromEntry(found.entry, host, loaded{name: "config.json"})
		}
	})
}
