package buildcontext

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
)

// tree writes files, a map of path to text, into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// input is a command line.
type input struct {
	Path       string
	Dockerfile string
	Named      []Named
}

func resolve(ctx context.Context, in input, env Environment) (*Context, error) {
	return Open(ctx, Classify(in.Path, env), Input{Dockerfile: in.Dockerfile, Named: in.Named}, env)
}

func applied(t *testing.T, in input, env Environment) client.SolveOpt {
	t.Helper()
	c, err := resolve(t.Context(), in, env)
	if err != nil {
		t.Fatalf("Resolve(%+v): %v", in, err)
	}
	var opt client.SolveOpt
	c.Apply(&opt)
	return opt
}

// read returns what the mount holds, a map of path to text.
func read(t *testing.T, opt client.SolveOpt, mount string) map[string]string {
	t.Helper()
	files := opt.LocalMounts[mount]
	if files == nil {
		t.Fatalf("mount %q not found", mount)
	}
	got := map[string]string{}
	err := files.Walk(t.Context(), "", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := files.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		text, err := io.ReadAll(file)
		got[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDirectory(t *testing.T) {
	const inContext, beside = "FROM scratch", "FROM scratch AS beside"
	dir := tree(t, map[string]string{
		"app/Dockerfile": inContext, "app/main.go": "package main", "app/Dockerfile.dev": "FROM dev",
		"docker/web.Dockerfile": beside, "lower/dockerfile": "FROM lower",
	})
	for name, test := range map[string]struct {
		in       input
		filename string
		text     string
	}{
		"default":               {input{Path: "app"}, "Dockerfile", inContext},
		"absolute":              {input{Path: filepath.Join(dir, "app")}, "Dockerfile", inContext},
		"file in the context":   {input{Path: "app", Dockerfile: "app/Dockerfile.dev"}, "Dockerfile.dev", "FROM dev"},
		"file beside":           {input{Path: "app", Dockerfile: "docker/web.Dockerfile"}, "web.Dockerfile", beside},
		"lower case as docker":  {input{Path: "lower"}, "dockerfile", "FROM lower"},
		"lower case named":      {input{Path: "lower", Dockerfile: "lower/Dockerfile"}, "dockerfile", "FROM lower"},
		"absolute file outside": {input{Path: "lower", Dockerfile: filepath.Join(dir, "app/Dockerfile")}, "Dockerfile", inContext},
	} {
		t.Run(name, func(t *testing.T) {
			opt := applied(t, test.in, Environment{WorkingDir: dir})
			if got := opt.FrontendAttrs["filename"]; got != test.filename {
				t.Errorf("filename is %q, want %q", got, test.filename)
			}
			if got := read(t, opt, "dockerfile")[test.filename]; got != test.text {
				t.Errorf("the Dockerfile is %q, want %q", got, test.text)
			}
			if opt.SharedKey == "" {
				t.Error("without a shared key every upload is a whole one")
			}
			if len(read(t, opt, "context")) == 0 {
				t.Error("the context is empty")
			}
		})
	}
}

func TestDockerfileFromStdin(t *testing.T) {
	dir := tree(t, map[string]string{"main.go": "package main"})
	opt := applied(t, input{Path: ".", Dockerfile: "-"}, Environment{WorkingDir: dir, Stdin: strings.NewReader("FROM scratch")})
	if got := read(t, opt, "dockerfile"); got["Dockerfile"] != "FROM scratch" || len(got) != 1 {
		t.Errorf("the Dockerfile's mount holds %v", got)
	}
	if opt.FrontendAttrs["dockerfilekey"] != "dockerfile" {
		t.Error("the frontend would take the context's Dockerfile")
	}
	// The frontend asks for other names, and must not be given this file.
	err := opt.LocalMounts["dockerfile"].Walk(t.Context(), "Dockerfile.dockerignore", func(path string, _ fs.DirEntry, _ error) error {
		t.Errorf("asked for Dockerfile.dockerignore, got %q", path)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStdinDockerfilesDiffer guards against the daemon taking one Dockerfile for
// another of the same length, which it would if their times were the same.
func TestStdinDockerfilesDiffer(t *testing.T) {
	first, second := newDockerfileFS([]byte("FROM a")), newDockerfileFS([]byte("FROM b"))
	if first[0].stat.ModTime == 0 || first[0].stat.ModTime > second[0].stat.ModTime {
		t.Errorf("the times are %d and %d", first[0].stat.ModTime, second[0].stat.ModTime)
	}
}

func TestStdinContext(t *testing.T) {
	archive := "\x1f\x8b\x08" + strings.Repeat("x", 2000)
	t.Run("archive", func(t *testing.T) {
		c, err := resolve(t.Context(), input{Path: "-", Dockerfile: "sub/Dockerfile"}, Environment{Stdin: strings.NewReader(archive)})
		if err != nil {
			t.Fatal(err)
		}
		var opt client.SolveOpt
		c.Apply(&opt)
		if c.Replayable() {
			t.Error("an archive on standard input cannot be read twice")
		}
		if !strings.HasPrefix(opt.FrontendAttrs["context"], "http://buildkit-session/") || len(opt.Session) != 1 {
			t.Errorf("context is %q with %d attachables", opt.FrontendAttrs["context"], len(opt.Session))
		}
		if opt.FrontendAttrs["filename"] != "sub/Dockerfile" {
			t.Errorf("filename is %q", opt.FrontendAttrs["filename"])
		}
		whole, err := io.ReadAll(c.archive)
		if err != nil || string(whole) != archive {
			t.Errorf("looking at the archive changed it: %d bytes of %d, %v", len(whole), len(archive), err)
		}
	})
	t.Run("Dockerfile", func(t *testing.T) {
		opt := applied(t, input{Path: "-"}, Environment{Stdin: strings.NewReader("FROM scratch\n")})
		if got := read(t, opt, "dockerfile")["Dockerfile"]; got != "FROM scratch\n" {
			t.Errorf("the Dockerfile is %q", got)
		}
		if got := read(t, opt, "context"); len(got) != 0 {
			t.Errorf("the context holds %v", got)
		}
	})
}

func TestRemote(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch", "github.com/a/b/Dockerfile": "FROM local"})
	for name, test := range map[string]struct {
		in    input
		attrs map[string]string
	}{
		"git": {
			input{Path: "https://github.com/a/b.git#main:sub"},
			map[string]string{"context": "https://github.com/a/b.git#main:sub", "filename": "Dockerfile"},
		},
		"git over ssh": {
			input{Path: "git@github.com:a/b.git", Dockerfile: "build/Dockerfile"},
			map[string]string{"context": "git@github.com:a/b.git", "filename": "build/Dockerfile"},
		},
		"git with a query": {
			input{Path: "https://github.com/a/b.git?branch=main"},
			map[string]string{"frontend.caps": "moby.buildkit.frontend.gitquerystring"},
		},
		"archive": {
			input{Path: "https://example.com/a.tar.gz"},
			map[string]string{"context": "https://example.com/a.tar.gz"},
		},
		"absolute Dockerfile is here": {
			input{Path: "https://example.com/a.git", Dockerfile: filepath.Join(dir, "Dockerfile")},
			map[string]string{"filename": "Dockerfile", "dockerfilekey": "dockerfile"},
		},
		"Dockerfile from stdin": {
			input{Path: "https://example.com/a.git", Dockerfile: "-"},
			map[string]string{"filename": "Dockerfile", "dockerfilekey": "dockerfile"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			opt := applied(t, test.in, Environment{WorkingDir: dir, Stdin: strings.NewReader("FROM scratch")})
			for key, want := range test.attrs {
				if got := opt.FrontendAttrs[key]; got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
	opt := applied(t, input{Path: "github.com/a/b"}, Environment{WorkingDir: dir})
	if opt.FrontendAttrs["context"] != "" {
		t.Error("a directory that exists must come before a git reference")
	}
}

func TestSharedKey(t *testing.T) {
	dir := tree(t, map[string]string{"1/a/x": "", "2/a/x": ""})
	key := func(name string) string {
		return applied(t, input{Path: name, Dockerfile: "-"}, Environment{WorkingDir: dir, Stdin: strings.NewReader("FROM scratch")}).SharedKey
	}
	a, again, b := key("1/a"), key("1/a"), key("2/a")
	if a != again {
		t.Errorf("the key of one directory changes: %q, %q", a, again)
	}
	if a == b {
		t.Errorf("two directories have the key %q", a)
	}
	if !strings.HasPrefix(a, "a:") {
		t.Errorf("key %q does not name the directory", a)
	}
}

func TestWalkEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newDockerfileFS(nil).Walk(ctx, "", func(string, fs.DirEntry, error) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
