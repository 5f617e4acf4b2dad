//go:build unix

package request

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeDocker is a docker that runs, and the environment that has it. It notes
// what it was called with, and keeps what it was sent.
func fakeDocker(t *testing.T, load string) (env Environment, noted string) {
	t.Helper()
	env = workspace(t, nil)
	noted = filepath.Join(env.WorkingDir, "loaded")
	program := filepath.Join(env.WorkingDir, "docker")
	script := "#!/bin/sh\ncase \"$*\" in *version*) exit 0;; esac\necho \"$@\" > " + noted + "\n" + load + "\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	env.LookPath = func(string) (string, error) { return program, nil }
	return env, noted
}

func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"--load":          {func(o *Options) { o.Load = true }, "load\nimage"},
		"type=docker":     {func(o *Options) { o.Outputs = []string{"type=docker"} }, "load\nimage"},
		"both":            {func(o *Options) { o.Load, o.Outputs = true, []string{"type=docker"} }, "load\nimage"},
		"another context": {func(o *Options) { o.Outputs = []string{"type=docker,context=far"} }, "--context far load\nimage"},
	} {
		t.Run(name, func(t *testing.T) {
			env, noted := fakeDocker(t, "cat >> $(dirname $0)/loaded")
			r, err := New(t.Context(), with(test.change), env)
			if err != nil {
				t.Fatal(err)
			}
			attempt := r.Attempt()
			if exports := attempt.Options.Exports; len(exports) != 1 || exports[0].Type != typeDocker || len(exports[0].Attrs) != 0 {
				t.Fatalf("the outputs are %+v", exports)
			}
			pipe, err := attempt.Options.Exports[0].Output(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(pipe, "image"); err != nil {
				t.Fatal(err)
			}
			if err := pipe.Close(); err != nil {
				t.Fatal(err)
			}
			if err := attempt.Commit(); err != nil {
				t.Fatal(err)
			}
			attempt.Discard()
			if got, err := os.ReadFile(noted); err != nil || string(got) != test.want {
				t.Errorf("docker got %q, %v", got, err)
			}
		})
	}
}

func TestLoadFails(t *testing.T) {
	env, _ := fakeDocker(t, "cat > /dev/null; echo 'no space left' >&2; exit 1")
	r, err := New(t.Context(), with(func(o *Options) { o.Load = true }), env)
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := r.Attempt().Options.Exports[0].Output(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pipe.Close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

func TestLoadIsEndedWithTheBuild(t *testing.T) {
	env, _ := fakeDocker(t, "exec cat > /dev/null")
	r, err := New(t.Context(), with(func(o *Options) { o.Load = true }), env)
	if err != nil {
		t.Fatal(err)
	}
	attempt := r.Attempt()
	pipe, err := attempt.Options.Exports[0].Output(nil)
	if err != nil {
		t.Fatal(err)
	}
	attempt.Discard() // returns only when docker has ended
	if err := pipe.Close(); err != nil {
		t.Errorf("closing after that: %v", err)
	}
	if _, err := attempt.Options.Exports[0].Output(nil); err == nil {
		t.Error("docker is started for a build that has ended")
	}
}

// A docker that hangs ends with the build, and so does what it has started, whose
// output is the same pipe. A reader that waits for the image gets nothing more.
func TestLoadThatHangs(t *testing.T) {
	for name, script := range map[string]string{
		"the program":             "cat > /dev/null; exec sleep 60",
		"what it started":         "cat > /dev/null; sleep 60; true",
		"what it left behind":     "cat > /dev/null; sleep 60 & exit 1",
		"before it read anything": "sleep 60; true",
	} {
		t.Run(name, func(t *testing.T) {
			env, _ := fakeDocker(t, script)
			r, err := New(t.Context(), with(func(o *Options) { o.Load = true }), env)
			if err != nil {
				t.Fatal(err)
			}
			attempt := r.Attempt()
			pipe, err := attempt.Options.Exports[0].Output(nil)
			if err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() { // the session's handler
				_, err := pipe.Write(make([]byte, 1<<20))
				written <- errors.Join(err, pipe.Close())
			}()
			began := time.Now()
			ctx, interrupt := context.WithCancel(t.Context())
			interrupted := make(chan struct{})
			context.AfterFunc(ctx, func() {
				attempt.Interrupt()
				close(interrupted)
			})
			interrupt()
			<-interrupted
			attempt.Discard()
			<-written //nolint:errcheck // a pipe that is not read any more does not fail
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// An engine that does not answer does not keep a build that has given up.
func TestInterruptWhileDockerIsAsked(t *testing.T) {
	env, _ := fakeDocker(t, "")
	path, err := env.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nsleep 60\ntrue\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if _, err := New(ctx, with(func(o *Options) { o.Load = true }), env); err == nil {
		t.Error("an engine that did not answer was taken")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestLoadErrors(t *testing.T) {
	wantUsage(t, with(func(o *Options) { o.Load = true }), workspace(t, nil), "--load", "-o type=docker,dest=FILE")
	wantUsage(t, with(func(o *Options) { o.Outputs = []string{"type=docker,context=a,dest=b"} }), workspace(t, nil), "--output", "leave one of them out")
	env, _ := fakeDocker(t, "")
	wantUsage(t, with(func(o *Options) { o.Load, o.Platforms = true, []string{"linux/amd64,linux/arm64"} }), env, "--load", "one platform only")
}
