//go:build unix

package proxy_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestSocketIsItsUsersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket := listen(t, path)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if socket.Exposed {
		t.Error("a directory of the user alone is said to be open to others")
	}
	if err := socket.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left behind: %v", err)
	}
}

func TestSocketThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	used := listen(t, filepath.Join(dir, "used")).Path
	for path, reason := range map[string]string{
		file:                          "a file that is not a socket",
		used:                          "another process listens there",
		filepath.Join(dir, "no", "s"): "no such file or directory",
		filepath.Join(file, "s"):      "not a directory",
		filepath.Join(dir, strings.Repeat("s", 120)): "at most 103 bytes",
	} {
		_, err := proxy.Listen(path)
		var refused *usage.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, reason) || refused.Value != "unix://"+path {
			t.Errorf("%s: %v", path, err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != "mine" {
		t.Errorf("the file was touched: %q, %v", kept, err)
	}
}

func TestSocketLeavesAnothersInItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listen(t, path)
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's socket was removed: %v", err)
	}
}

func TestSocketSaysWhenOthersMayReplaceIt(t *testing.T) {
	for mode, want := range map[fs.FileMode]bool{0o755: false, 0o777: true, 0o777 | fs.ModeSticky: false} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		if got := listen(t, filepath.Join(dir, "s")).Exposed; got != want {
			t.Errorf("in a directory of mode %v: %v", mode, got)
		}
	}
}

func TestDirectory(t *testing.T) {
	env := map[string]string{"TMPDIR": t.TempDir()}
	look := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	check := func(under string) string {
		t.Helper()
		directory, err := proxy.Directory(look)
		if err != nil || filepath.Dir(directory) != under {
			t.Fatalf("got %q, %v", directory, err)
		}
		if info, err := os.Lstat(directory); err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		return directory
	}
	env["XDG_RUNTIME_DIR"] = t.TempDir()
	check(env["XDG_RUNTIME_DIR"])
	env["XDG_RUNTIME_DIR"] += "/gone"
	directory := check(env["TMPDIR"])
	check(env["TMPDIR"])

	// Another user has made it first, or opened it.
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := proxy.Directory(look); err == nil || !strings.Contains(err.Error(), "this user's alone") {
		t.Errorf("an open directory: %v", err)
	}
	// No flag has named what is missing.
	for _, env["TMPDIR"] = range []string{directory + "/gone", "/dev/null"} {
		if _, err := proxy.Directory(look); err == nil || !strings.Contains(err.Error(), "invalid directory of the socket \""+env["TMPDIR"]) ||
			strings.Contains(err.Error(), "invalid --listen") || !strings.Contains(err.Error(), "$TMPDIR") {
			t.Errorf("%s: %v", env["TMPDIR"], err)
		}
	}
	env["TMPDIR"] = filepath.Dir(directory)
	elsewhere := t.TempDir()
	if err := errors.Join(os.Remove(directory), os.Chmod(elsewhere, 0o700), os.Symlink(elsewhere, directory)); err != nil {
		t.Fatal(err)
	}
	if _, err := proxy.Directory(look); err == nil {
		t.Error("a link to another directory is accepted")
	}
}
