package buildcontext

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
)

const (
	layoutDigest = "sha256:4444444444444444444444444444444444444444444444444444444444444444"
	layoutIndex  = `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"` + layoutDigest +
		`","annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`
)

// named resolves "." with one more context.
func named(t *testing.T, dir, value string) (*Context, client.SolveOpt, error) {
	t.Helper()
	c, err := resolve(t.Context(), input{Path: ".", Named: []Named{{Typed: "x=" + value, Name: "x", Value: value}}}, Environment{WorkingDir: dir})
	var opt client.SolveOpt
	if err == nil {
		c.Apply(&opt)
	}
	return c, opt, err
}

func TestNamed(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM x", "sub/file": "text", "layout/index.json": layoutIndex, "layout/oci-layout": `{"imageLayoutVersion":"1.0.0"}`})
	for value, want := range map[string]string{
		"sub":                                 "local:x",
		"docker-image://example.com/a:1":      "docker-image://example.com/a:1",
		"https://example.com/a.tar.gz":        "https://example.com/a.tar.gz",
		"https://example.com/a.git#main:dir":  "https://example.com/a.git#main:dir",
		"https://example.com/a.git?subdir=my": "https://example.com/a.git?subdir=my",
	} {
		_, opt, err := named(t, dir, value)
		if err != nil || opt.FrontendAttrs["context:x"] != want {
			t.Errorf("%s: got %v, %v", value, opt.FrontendAttrs, err)
		}
		caps := opt.FrontendAttrs[capsAttr]
		if !strings.Contains(caps, contextsCap) || strings.Contains(caps, gitQueryCap) != strings.Contains(value, "?") {
			t.Errorf("%s: the frontend is asked for %q", value, caps)
		}
	}
	_, opt, err := named(t, dir, "sub")
	if err != nil || read(t, opt, "x")["file"] != "text" || opt.FrontendAttrs["sharedkey:localdir:x"] == "" {
		t.Errorf("a directory: %v, %v", opt.FrontendAttrs, err)
	}
}

func TestNamedLayout(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM x", "lay:out/index.json": layoutIndex})
	for value, tag := range map[string]string{"lay:out/:v1": ":v1", "lay:out/": ":latest", "lay:out/@" + layoutDigest: ""} {
		_, opt, err := named(t, dir, "oci-layout://"+value)
		if err != nil || len(opt.OCIStores) != 1 {
			t.Errorf("%s: the stores are %v (%v)", value, opt.OCIStores, err)
			continue
		}
		for id := range opt.OCIStores {
			if want := "oci-layout://" + id + tag + "@" + layoutDigest; opt.FrontendAttrs["context:x"] != want {
				t.Errorf("%s: got %q, want %q", value, opt.FrontendAttrs["context:x"], want)
			}
		}
	}
}

func TestParseLayout(t *testing.T) {
	for text, want := range map[string][3]string{
		"dir": {"dir", "latest", ""}, "/a/b:1.3": {"/a/b", "1.3", ""}, "a@" + layoutDigest: {"a", "", layoutDigest},
		"a:1@" + layoutDigest: {"a", "1", layoutDigest}, "a/@/b": {"a/@/b", "latest", ""}, `C:\a`: {`C:\a`, "latest", ""}, "a:b/c": {"a:b/c", "latest", ""},
	} {
		dir, tag, dgst := parseLayout(text)
		if got := [3]string{dir, tag, dgst.String()}; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestNamedStage(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM x"})
	c, opt, err := named(t, dir, "target:base")
	if err != nil || c.Stages()["x"] != "base" || opt.FrontendAttrs["context:x"] != "" {
		t.Errorf("got %v, %v, %v", c.Stages(), opt.FrontendAttrs, err)
	}
}

func TestNamedContextDoesNotReplaceTheMain(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM x", "sub/file": "text"})
	c, err := resolve(t.Context(), input{Path: ".", Named: []Named{{Name: "context", Value: "sub"}}}, Environment{WorkingDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var opt client.SolveOpt
	c.Apply(&opt)
	if opt.FrontendAttrs["context:context"] != "local:_context" || read(t, opt, "context")["Dockerfile"] == "" || read(t, opt, "_context")["file"] == "" {
		t.Errorf("got %v", opt.FrontendAttrs)
	}
}

func TestDockerfileByURL(t *testing.T) {
	dir := tree(t, map[string]string{"file": "text"})
	for _, path := range []string{".", "https://example.com/a.git", "-"} {
		env := Environment{WorkingDir: dir, Stdin: strings.NewReader("\x1f\x8b\x08 an archive")}
		c, err := resolve(t.Context(), input{Path: path, Dockerfile: "https://example.com/Dockerfile"}, env)
		if err != nil {
			t.Fatal(err)
		}
		if c.Fetched() == nil || c.Fetched().URL != "https://example.com/Dockerfile" {
			t.Fatalf("%s: got %+v", path, c.Fetched())
		}
		var opt client.SolveOpt
		c.Apply(&opt)
		if opt.FrontendAttrs["filename"] != "Dockerfile" || opt.FrontendAttrs["dockerfilekey"] != "dockerfile" {
			t.Errorf("%s: got %v", path, opt.FrontendAttrs)
		}
		if got := read(t, opt, "dockerfile")["Dockerfile"]; got != "" {
			t.Errorf("%s: got %q before it was fetched", path, got)
		}
		c.Fetched().Fill([]byte("FROM a"))
		if got := read(t, opt, "dockerfile")["Dockerfile"]; got != "FROM a" {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func TestLocals(t *testing.T) {
	dir := tree(t, map[string]string{"a/file": "text", "layout/index.json": layoutIndex})
	env := Environment{WorkingDir: dir}
	local := Local{Flag: "--local", Name: "context", Dir: "a"}
	c, err := Locals(t.Context(), []Local{local}, []Local{{Name: "l", Dir: "layout"}}, env)
	if err != nil {
		t.Fatal(err)
	}
	var opt client.SolveOpt
	c.Apply(&opt)
	if read(t, opt, "context")["file"] != "text" || opt.OCIStores["l"] == nil || opt.SharedKey == "" || len(opt.FrontendAttrs) != 0 {
		t.Errorf("got %+v", opt)
	}
	if !local.HasFile("file", env) || local.HasFile("File2", env) {
		t.Error("the file is not seen as it is")
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Locals(t.Context(), []Local{{Flag: "--local", Name: "x", Dir: "text"}}, nil, env); err == nil {
		t.Error("a file was taken for a directory")
	}
}
