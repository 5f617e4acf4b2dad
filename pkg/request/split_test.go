package request

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// twoShares are those of a builder and of another one of its family.
func twoShares() []Share {
	return []Share{{Platforms: []string{"linux/amd64"}}, {Platforms: []string{"linux/arm64"}, Suffix: "-arm64"}}
}

// archive is a context on standard input.
func archive(t *testing.T) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "Dockerfile", Typeflag: tar.TypeReg, Size: 0}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return &out
}

func splitOf(t *testing.T, change func(*Options)) (*Split, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Input: Input{Path: dir}}
	o.Platforms = []string{"linux/amd64,linux/arm64"}
	change(&o)
	r, err := New(t.Context(), o, Environment{
		WorkingDir: dir, LookupEnv: func(string) (string, bool) { return "", false }, Stdin: archive(t), Stdout: &strings.Builder{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Split(twoShares())
}

// Each builder pushes its own platforms by their digest, and nothing of the request itself changes.
func TestSplitPushes(t *testing.T) {
	s, err := splitOf(t, func(o *Options) {
		o.Tags, o.Push = []string{"r.io/a:1", "r.io/a:2", "r.io/b"}, true
		o.Annotations = []string{"index:i=1", "manifest[linux/arm64]:m=2"}
	})
	if err != nil {
		t.Fatal(err)
	}
	if push := s.Push; push == nil || !slices.Equal(push.Names, []string{"r.io/a:1", "r.io/a:2", "r.io/b"}) || push.ByDigest || push.Annotations["i"] != "1" {
		t.Errorf("pushes %+v", push)
	}
	for i, want := range []string{"linux/amd64", "linux/arm64"} {
		a := s.Requests[i].Attempt()
		if a.Options.FrontendAttrs["platform"] != want || a.Options.FrontendAttrs["multi-platform"] != "true" {
			t.Errorf("%s: asked for %v", want, a.Options.FrontendAttrs)
		}
		attrs := a.Options.Exports[0].Attrs
		if attrs["push-by-digest"] != "true" || attrs["name"] != "r.io/a,r.io/b" && attrs["name"] != "r.io/a,docker.io/r.io/b" {
			t.Errorf("%s: exports %v", want, attrs)
		}
		annotated := slices.ContainsFunc(slices.Collect(maps.Keys(attrs)), func(key string) bool { return strings.Contains(key, "annotation-") })
		if annotated != (i == 1) {
			t.Errorf("%s: exports %v", want, attrs)
		}
	}
	if one, two := s.Requests[0].Ref(), s.Requests[1].Ref(); one == "" || one == two {
		t.Errorf("references %q and %q", one, two)
	}
}

// Caches that builders would overwrite for each other have names of their own; all are imported.
func TestSplitCaches(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	s, err := splitOf(t, func(o *Options) {
		o.CacheTo = []string{
			"type=registry,ref=r.io/c", "type=registry,ref=r.io/c:x", "type=local,dest=" + cache, "type=s3,bucket=b,region=r,name=one;two",
			"type=azblob,account_url=https://a.io", "type=inline",
		}
		o.CacheFrom = []string{"r.io/c:x", "type=s3,bucket=b,region=r"}
	})
	if err != nil {
		t.Fatal(err)
	}
	var got [2][]string
	for i, each := range s.Requests {
		options := each.Attempt().Options
		for _, entry := range options.CacheExports {
			got[i] = append(got[i], entry.Attrs["ref"]+entry.Attrs["tag"]+entry.Attrs["name"])
		}
		for _, entry := range options.CacheImports {
			got[i] = append(got[i], "from "+entry.Attrs["ref"]+entry.Attrs["name"])
		}
	}
	for i, want := range [][]string{
		{"r.io/c", "r.io/c:x", "", "one;two", "", "", "from r.io/c:x", "from "},
		{
			"r.io/c:latest-arm64", "r.io/c:x-arm64", "latest-arm64", "one-arm64;two-arm64", "buildkit-arm64", "",
			"from r.io/c:x-arm64", "from buildkit-arm64", "from r.io/c:x", "from ",
		},
	} {
		if !slices.Equal(got[i], want) {
			t.Errorf("got  %q\nwant %q", got[i], want)
		}
	}
}

// What comes to this machine has its own place for each builder, so that it can be sent again.
func TestSplitReceives(t *testing.T) {
	for _, output := range []string{"type=oci,dest=-", "type=tar,dest=-", "type=local,dest=out", "type=oci,dest=a.tar"} {
		s, err := splitOf(t, func(o *Options) { o.Outputs = []string{output} })
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range s.Requests {
			if why := each.Unrepeatable(); why != "" {
				t.Errorf("%s: %s", output, why)
			}
			if export := each.Attempt().Options.Exports[0]; export.Output == nil && export.OutputDir == "" {
				t.Errorf("%s: %+v", output, export)
			}
		}
		s.Discard()
	}
}

func TestSplitRefuses(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"standard input can be read once": func(o *Options) { o.Path = "-" },
		"push one output": func(o *Options) {
			o.Outputs = []string{"type=image,push=true,name=r.io/a", "type=image,push=true,name=r.io/b"}
		},
		"the name is not known before": func(o *Options) { o.Outputs = []string{"type=image,push=true,name=*"} },
	} {
		_, err := splitOf(t, change)
		var wrong *usage.Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || wrong.Next == "" {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
