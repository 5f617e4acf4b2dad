//go:build unix

package safefile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const childPaths = "SAFEFILE_TEST_PATHS"

// TestChild is not a test: it is what the program of these tests does when one of
// them starts it, which is to write "new" to the paths.
func TestChild(t *testing.T) {
	paths := os.Getenv(childPaths)
	if paths == "" {
		return
	}
	for path := range strings.SplitSeq(paths, ":") {
		target, err := NewTarget(path, TargetOptions{})
		if err == nil {
			err = target.Write(t.Context(), []byte("new"))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

// child runs a script of the shell in which "$@" starts TestChild.
func child(t *testing.T, script string, uid uint32, env ...string) (output string, err error) {
	t.Helper()
	program := os.Args[0]
	c := exec.Command("sh", "-c", script, "sh", program, "-test.run=^TestChild$")
	if uid != 0 {
		c.Args[4] = forAll(t, program)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		c.Dir = "/"
	}
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// forAll copies the program to where every user may run it.
func forAll(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(public(t), "program")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// public is a temporary directory that every user may enter.
func public(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "safefile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
