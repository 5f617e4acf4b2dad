//go:build unix

package buildcontext

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A pipe in place of a directory is refused at once, whatever names it.
func TestPipesInPlaceOfDirectories(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	env := Environment{WorkingDir: dir}
	for name, try := range map[string]func() error{
		"PATH": func() error { _, err := resolve(t.Context(), input{Path: pipe}, env); return err },
		"context": func() error {
			_, err := resolve(t.Context(), input{Path: dir, Named: []Named{{Name: "n", Value: pipe}}}, env)
			return err
		},
		"oci-layout": func() error {
			_, err := resolve(t.Context(), input{Path: dir, Named: []Named{{Name: "n", Value: "oci-layout://" + pipe}}}, env)
			return err
		},
		"Dockerfile": func() error {
			_, err := resolve(t.Context(), input{Path: dir, Dockerfile: "pipe/Dockerfile"}, env)
			return err
		},
		"--local": func() error { _, err := Locals(t.Context(), []Local{{Name: "n", Dir: pipe}}, nil, env); return err },
		"layout":  func() error { _, err := Locals(t.Context(), nil, []Local{{Name: "n", Dir: pipe}}, env); return err },
		"ignore":  func() error { return Local{Name: "n", Dir: pipe}.CheckIgnoreFile(".dockerignore", env) },
	} {
		done := make(chan error, 1)
		go func() { done <- try() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: it is taken for a directory", name)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it waits", name)
		}
	}
}
