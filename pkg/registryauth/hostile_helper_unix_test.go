//go:build unix

package registryauth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What helpers print when they fail may be the very secret.
func TestFailedHelpersDoNotPrintSecrets(t *testing.T) {
	const password = `pa"ss<` + secret
	helpers(t, map[string]string{
		"late":   `echo '{"Username":"u","Secret":"` + secret + `"}'; exit 1`,
		"twice":  `echo '{"Username":"u","Secret":"` + secret + `"}'; echo "cannot cache ` + secret + `" >&2; exit 1`,
		"pretty": `printf '{\n "Secret": "` + secret + `"\n}\n'; echo locked >&2; exit 1`,
		"echo":   `cat; exit 1`,
		"stderr": `cat >&2; exit 1`,
		"args":   `printf "refused: "; cat; exit 1`,
		"long":   `printf 'refused: %0400d' 0; cat; exit 1`,
	})
	for _, name := range []string{"late", "twice", "pretty"} {
		_, unread := mustProvider(t, `{"credsStore":"`+name+`"}`).keychain.find(t.Context(), purpose{host: "r.io"})
		if unread == nil || strings.Contains(unread.Error(), secret) || !strings.Contains(unread.Error(), "exit status 1") {
			t.Errorf("%s: got %v", name, unread)
		}
		if name == "pretty" && !strings.Contains(unread.Error(), "locked") {
			t.Errorf("%v does not give the reason", unread)
		}
	}
	f := newFake(t, "", false, nil)
	for _, name := range []string{"echo", "stderr", "args", "long"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, configFile), []byte(`{"credsStore":"`+name+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Login(t.Context(), Options{Directory: dir, LookupEnv: noEnv}, Account{Host: f.host(), Username: "u", Password: password, CA: f.ca})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A helper may start an agent that keeps its output open, read nothing of its input, write without
// end, or be a directory.
func TestUnusualHelpers(t *testing.T) {
	helpers(t, map[string]string{
		"agent":   "sleep 4 &\n" + answering("agent"),
		"deaf":    `exec <&-; echo '{"Username":"deaf","Secret":"x"}'`,
		"endless": `exec 2>&1; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done`,
		"binary":  `head -c 4096 /dev/urandom`,
		"text":    `echo '["u","` + secret + `"]'`,
	})
	path := strings.Split(os.Getenv("PATH"), string(os.PathListSeparator))[0]
	if err := os.Mkdir(filepath.Join(path, helperName("directory")), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, helperName("noprogram")), []byte("{}"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"agent": "agent", "deaf": "deaf", "endless": "no answer in 500ms", "binary": "not JSON", "text": "not JSON", "directory": "not in PATH", "noprogram": "exec format error",
	} {
		p := mustProvider(t, `{"credsStore":"`+name+`"}`)
		if name == "endless" {
			p.keychain.helpers.limit = 500 * time.Millisecond
		}
		got, unread := p.keychain.find(t.Context(), purpose{host: "r.io"})
		switch {
		case want == name: // it works
			if got.Username != want || unread != nil {
				t.Errorf("%s: got %+v, %v", name, got, unread)
			}
		case unread == nil || !strings.Contains(unread.Error(), want) || strings.Contains(unread.Error(), secret) || len(unread.Error()) > 600:
			t.Errorf("%s: got %+v, %v", name, got, unread)
		}
	}
}

// Docker's other registries take the Hub's login also where a helper keeps all credentials, as
// Docker Desktop's does.
func TestHubLoginInAHelper(t *testing.T) {
	helpers(t, map[string]string{"store": `read server; case $server in https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"x"}';; *) echo "credentials not found in native keychain"; exit 1;; esac`})
	p := mustProvider(t, `{"credsStore":"store"}`)
	for host, want := range map[string]string{"dhi.io": "hub", "registry.scout.docker.com": "hub", hubHost: "hub", "r.io": ""} {
		if got, unread := p.keychain.find(t.Context(), purpose{host: host, path: "a/b"}); got.Username != want || want != "" && unread != nil {
			t.Errorf("%s: got %+v, %v", host, got, unread)
		}
	}
	c := configOf(t, `{"credsStore":"store"}`, nil)
	c.Limit([]string{"dhi.io"})
	p = c.Provider(Build{})
	for host, want := range map[string]string{"dhi.io": "hub", "registry.scout.docker.com": "", hubHost: ""} {
		if got, _ := p.keychain.find(t.Context(), purpose{host: host}); got.Username != want {
			t.Errorf("--registry-auth dhi.io: %s gets %q", host, got.Username)
		}
	}
}

// A helper that hangs holds up no login and no logout for ever.
func TestHungHelperEndsLoginAndLogout(t *testing.T) {
	helpers(t, map[string]string{"hangs": "exec sleep 600"})
	f := newFake(t, "", false, nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(`{"credsStore":"hangs"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := Options{Directory: dir, LookupEnv: noEnv, helperLimit: 200 * time.Millisecond}
	_, login := Login(t.Context(), opts, Account{Host: f.host(), Username: "u", Password: secret, CA: f.ca})
	_, logout := Logout(t.Context(), opts, f.host())
	for _, err := range []error{login, logout} {
		if err == nil || !strings.Contains(err.Error(), "no answer in 200ms") || !strings.Contains(err.Error(), helperName("hangs")) {
			t.Errorf("got %v", err)
		}
	}
}
