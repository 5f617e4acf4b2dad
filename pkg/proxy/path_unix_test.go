//go:build unix

package proxy_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestNamedPath(t *testing.T) {
	for listen, want := range map[string]string{"": "", "unix:///run/s": "/run/s", "/run/s": "/run/s", "s": "s"} {
		if path, err := proxy.NamedPath(listen); err != nil || path != want {
			t.Errorf("%q: %q, %v", listen, path, err)
		}
	}
	for _, listen := range []string{"tcp://127.0.0.1:1", "npipe:////./pipe/x", "unix://"} {
		var refused *usage.Error
		if _, err := proxy.NamedPath(listen); !errors.As(err, &refused) || refused.Value != listen || refused.Next == "" {
			t.Errorf("%q: %v", listen, err)
		}
	}
}

// temporary is an environment whose directory for temporary files is the test's own.
func temporary(t *testing.T) (lookupEnv func(string) (string, bool)) {
	t.Helper()
	dir := t.TempDir()
	return func(name string) (string, bool) { return dir, name == "TMPDIR" }
}

func TestTemporaryPathLeavesNothing(t *testing.T) {
	env := temporary(t)
	first, remove, err := proxy.TemporaryPath(env)
	if err != nil {
		t.Fatal(err)
	}
	second, removeSecond, err := proxy.TemporaryPath(env)
	if err != nil || first == second {
		t.Fatalf("%q twice, %v", second, err)
	}
	if info, err := os.Stat(filepath.Dir(first)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	remove()
	removeSecond()
	if left, err := os.ReadDir(filepath.Dir(filepath.Dir(first))); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// The path is the same for the same builder, another for another, and short enough for a socket
// whatever the names are.
func TestLastingPath(t *testing.T) {
	env, seen := temporary(t), map[string]bool{}
	long := strings.Repeat("long-", 12)
	for _, c := range [][3]string{{"b", "h", "n"}, {"b", "h", "o"}, {"b", "i", "n"}, {"c", "h", "n"}, {"b", "hn", ""}, {long + "a", long, long}, {long + "b", long, long}} {
		path, err := proxy.LastingPath(env, c[0], c[1], c[2])
		again, _ := proxy.LastingPath(env, c[0], c[1], c[2])
		if err != nil || seen[path] || again != path || len(filepath.Base(path)) > 34 {
			t.Errorf("%q: %q, then %q, %v", c, path, again, err)
		}
		seen[path] = true
	}
}
