//go:build unix

package registryauth

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestLoginThroughHelpers proves that a password goes to the helper of its host, that the file has
// none, that an identity token is marked as one, and that logout takes it away again.
func TestLoginThroughHelpers(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	quoted := strconv.Quote(kept)
	helpers(t, map[string]string{
		"keeps": `case "$1" in store) cat >` + quoted + `;; erase) rm ` + quoted + `;; get) [ -f ` + quoted + ` ] && cat ` + quoted + ` || { echo "credentials not found in native keychain"; exit 1; };; esac`,
		"leaks": `cat; exit 1`,
	})
	dir := t.TempDir()
	path := filepath.Join(dir, configFile)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"auths":{"r.io":{"auth":"` + encoded("old", secret) + `"}},"credHelpers":{"r.io":"keeps","x.io":"leaks"},"credsStore":"absent"}`)
	stored, err := keep(t.Context(), Options{Directory: dir}, "r.io", Credentials{Username: "u", Secret: secret, identity: true})
	if err != nil || stored.Plain || !strings.Contains(stored.Place, "docker-credential-keeps") {
		t.Fatalf("got %+v, %v", stored, err)
	}
	if text, _ := os.ReadFile(path); strings.Contains(string(text), "auth\"") || !strings.Contains(string(text), `"r.io": {}`) {
		t.Errorf("the file is %s", text)
	}
	p := Read(Options{Directory: dir, LookupEnv: noEnv}).Provider(Build{})
	if got, unread := p.keychain.find(t.Context(), purpose{host: "r.io"}); got.Secret != secret || got.Username != "" || unread != nil {
		t.Errorf("got %+v, %v", got, unread)
	}
	for range 2 {
		if _, err := Logout(t.Context(), Options{Directory: dir, LookupEnv: noEnv}, "r.io"); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(kept); err == nil {
		t.Error("the helper still has it")
	}
	for host, helper := range map[string]string{"x.io": "docker-credential-leaks", "z.io": "docker-credential-absent"} {
		_, err := keep(t.Context(), Options{Directory: dir}, host, Credentials{Username: "u", Secret: secret})
		var refused *StoreError
		if !errors.As(err, &refused) || refused.Helper != helper || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", host, err)
		}
	}
}
