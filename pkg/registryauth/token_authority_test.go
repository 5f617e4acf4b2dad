package registryauth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/session/auth"
	"golang.org/x/crypto/nacl/sign"
)

func publicKey(t *testing.T, p *Provider, salt string) []byte {
	t.Helper()
	got, err := (&server{provider: p}).GetTokenAuthority(t.Context(), &auth.GetTokenAuthorityRequest{Host: "r.io", Salt: []byte(salt)})
	if err != nil {
		t.Fatal(err)
	}
	return got.PublicKey
}

func TestAuthority(t *testing.T) {
	dir := t.TempDir()
	load := func(user, password string) *Provider {
		text := `{"auths":{"r.io":{"auth":"` + encoded(user, password) + `"}}}`
		if err := os.WriteFile(filepath.Join(dir, configFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return Read(Options{Directory: dir, LookupEnv: noEnv}).Provider(Build{})
	}
	p := load("u", "p")
	key := publicKey(t, p, "salt")
	signed, err := (&server{provider: load("u", "p")}).VerifyTokenAuthority(t.Context(), &auth.VerifyTokenAuthorityRequest{
		Host: "r.io", Salt: []byte("salt"), Payload: []byte("payload"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := sign.Open(nil, signed.Signed, (*[32]byte)(key)); !ok || string(text) != "payload" {
		t.Error("the next process cannot prove that it has the key, so no token is used twice")
	}
	info, err := os.Stat(filepath.Join(dir, seedFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the seed: %v, %v", info, err)
	}
	for name, other := range map[string][]byte{
		"another salt":     publicKey(t, p, "pepper"),
		"another password": publicKey(t, load("u", "q"), "salt"),
		"another user":     publicKey(t, load("v", "p"), "salt"),
		"another seed":     publicKey(t, mustProvider(t, `{"auths":{"r.io":{"auth":"`+encoded("u", "p")+`"}}}`), "salt"),
		"no credentials":   publicKey(t, mustProvider(t, `{}`), "salt"),
	} {
		if string(other) == string(key) {
			t.Errorf("%s has the same key, and would get the tokens of this one", name)
		}
	}
}

// TestPartsOfKey proves that a user and a password are not the same as others
// that are spelled alike when put together.
func TestPartsOfKey(t *testing.T) {
	a := &authority{seed: make([]byte, seedSize)}
	one, err := a.publicKey(nil, "r.io", Credentials{Username: "u", Secret: "pq"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.publicKey(nil, "r.io", Credentials{Username: "up", Secret: "q"})
	if err != nil || string(one) == string(two) {
		t.Errorf("the keys are the same (%v)", err)
	}
}

func TestAnonymousLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	p := Read(Options{Directory: filepath.Join(dir, ".docker"), LookupEnv: noEnv}).Provider(Build{})
	publicKey(t, p, "salt")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestSeedCannotBeStored(t *testing.T) {
	p := provider(t, "{}", map[string]string{authEnv: `{"auths":{"r.io":{"auth":"` + encoded("u", "p") + `"}}}`})
	p.authority.path = filepath.Join(t.TempDir(), "no", "directory", seedFile)
	if a, b := publicKey(t, p, "salt"), publicKey(t, p, "salt"); string(a) != string(b) {
		t.Error("the key changes within one process")
	}
}

func TestSeedOfFasterProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), seedFile)
	first, ok := store(path, []byte(strings.Repeat("a", seedSize)))
	if !ok {
		t.Fatal("storing failed")
	}
	second, ok := store(path, []byte(strings.Repeat("b", seedSize)))
	if !ok || string(second) != string(first) {
		t.Errorf("got %q, %v", second, ok)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("beside the seed there are %v (%v)", entries, err)
	}
}

// What a crash left in place of the seed is replaced, once and for all.
func TestBrokenSeedIsHealed(t *testing.T) {
	for _, left := range []string{"", "short", strings.Repeat("x", seedSize+1)} {
		path := filepath.Join(t.TempDir(), seedFile)
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := (&authority{path: path}).load()
		if err != nil {
			t.Fatal(err)
		}
		second, err := (&authority{path: path}).load()
		if err != nil || string(first) != string(second) || len(second) != seedSize {
			t.Errorf("%q: got %q, then %q (%v)", left, first, second, err)
		}
	}
}
