//go:build unix

package safefile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// soon fails the test if the function waits.
func soon(t *testing.T, what string, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	select {
	case <-done:
	case <-time.After(8 * time.Second):
		t.Fatalf("%s waits", what)
	}
}

// special makes a directory with one of everything that is not a regular file.
func special(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") // short, for the socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for name, target := range map[string]string{"stdin": "/dev/stdin", "null": "/dev/null", "tty": "/dev/tty", "to-pipe": "pipe"} {
		link(t, target, filepath.Join(dir, name))
	}
	if os.Getuid() == 0 && syscall.Mknod(filepath.Join(dir, "device"), syscall.S_IFCHR|0o600, 1<<8|5) != nil { // zero
		t.Log("devices cannot be made here")
	}
	return dir
}

// What is named as a directory and is something else is not opened.
func TestRootIsADirectory(t *testing.T) {
	dir := special(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		soon(t, entry.Name(), func() {
			if _, err := safefile.OpenRoot(filepath.Join(dir, entry.Name())); !errors.Is(err, syscall.ENOTDIR) {
				t.Errorf("%s: %v", entry.Name(), err)
			}
		})
	}
	if _, err := safefile.OpenRoot(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestRootNeverOpensSpecialFiles(t *testing.T) {
	dir := special(t)
	root := open(t, dir)
	entries, err := root.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		soon(t, entry.Name(), func() {
			if _, err := root.ReadFile(entry.Name(), 10); err == nil {
				t.Errorf("%s was read", entry.Name())
			}
			if file, err := root.Open(entry.Name()); err == nil {
				_ = file.Close()
				t.Errorf("%s was opened", entry.Name())
			}
		})
	}
	var names []string
	err = root.Walk("", func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil || !slices.Contains(names, "pipe") || len(names) != len(entries)+1 {
		t.Errorf("the walk visits %q, %v", names, err)
	}
}

func TestReadOfPipes(t *testing.T) {
	dir := special(t)
	pipe := filepath.Join(dir, "pipe")
	go func() { _ = os.WriteFile(pipe, []byte("from a program"), 0) }()
	soon(t, "a pipe with a writer", func() {
		if text, err := safefile.Read(pipe, 100); err != nil || string(text) != "from a program" {
			t.Errorf("the pipe reads as %q, %v", text, err)
		}
	})
	var kind *safefile.NotRegularError
	if _, err := safefile.Read(filepath.Join(dir, "socket"), 10); !errors.As(err, &kind) || kind.Mode&fs.ModeSocket == 0 {
		t.Errorf("a socket: %v", err)
	}
	if text, err := safefile.Read("/dev/null", 10); err != nil || len(text) != 0 {
		t.Errorf("/dev/null reads as %q, %v", text, err)
	}
	soon(t, "an endless device", func() {
		var large *safefile.TooLargeError
		if _, err := safefile.Read("/dev/zero", 10); !errors.As(err, &large) {
			t.Errorf("/dev/zero: %v", err)
		}
	})
}
