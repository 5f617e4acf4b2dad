package request

import (
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
)

// workspace is a directory with a Dockerfile, and an environment that stands in
// it with the given variables.
func workspace(t testing.TB, variables map[string]string) Environment {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return Environment{
		WorkingDir: dir,
		LookupEnv: func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		},
		Stdin:    strings.NewReader(""),
		LookPath: func(name string) (string, error) { return "", &exec.Error{Name: name, Err: exec.ErrNotFound} },
		Stdout:   io.Discard,
	}
}

func valid() Options {
	return Options{Input: Input{Path: "."}}
}

// with is a valid set of options and one change.
func with(change func(*Options)) Options {
	opts := valid()
	change(&opts)
	return opts
}

func attrs(t *testing.T, opts Options, env Environment) map[string]string {
	t.Helper()
	r, err := New(t.Context(), opts, env)
	if err != nil {
		t.Fatal(err)
	}
	return r.Attempt().Options.FrontendAttrs
}

func TestFrontendAttributes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		env    map[string]string
		want   map[string]string
	}{
		"nothing": {func(*Options) {}, nil, map[string]string{
			"filename": "Dockerfile", "attest:provenance": "mode=min,inline-only=true",
		}},
		"no provenance": {func(*Options) {}, map[string]string{noAttestationsEnv: "1"}, map[string]string{
			"attest:provenance": "",
		}},
		"target":   {func(o *Options) { o.Target = "dev" }, nil, map[string]string{"target": "dev"}},
		"no cache": {func(o *Options) { o.NoCache, o.Pull = true, true }, nil, map[string]string{"no-cache": "", "image-resolve-mode": "pull"}},
		"labels": {func(o *Options) { o.Labels = []string{"a=b=c", "empty", "x="} }, nil, map[string]string{
			"label:a": "b=c", "label:empty": "", "label:x": "",
		}},
		"args": {func(o *Options) { o.BuildArgs = []string{"A=1", "B", "C", "D="} }, map[string]string{"B": "from env"}, map[string]string{
			"build-arg:A": "1", "build-arg:B": "from env", "build-arg:D": "",
		}},
		"the last argument wins": {func(o *Options) { o.BuildArgs = []string{"A=1", "A=2"} }, nil, map[string]string{"build-arg:A": "2"}},
		"epoch":                  {func(*Options) {}, map[string]string{"SOURCE_DATE_EPOCH": "7"}, map[string]string{"build-arg:SOURCE_DATE_EPOCH": "7"}},
		"epoch given": {
			func(o *Options) { o.BuildArgs = []string{"SOURCE_DATE_EPOCH=8"} },
			map[string]string{"SOURCE_DATE_EPOCH": "7"}, map[string]string{"build-arg:SOURCE_DATE_EPOCH": "8"},
		},
		"syntax": {func(o *Options) { o.BuildArgs = []string{"BUILDKIT_SYNTAX=my/frontend:1 --x"} }, nil, map[string]string{
			"source": "my/frontend:1", "cmdline": "my/frontend:1 --x",
		}},
		"multi-platform": {func(o *Options) { o.BuildArgs = []string{"BUILDKIT_MULTI_PLATFORM=1"} }, nil, map[string]string{"multi-platform": "true"}},
		"platforms": {
			func(o *Options) { o.Platforms = []string{"linux/amd64,linux/arm64", "linux/arm64/v8", "LINUX/armhf"} }, nil,
			map[string]string{"platform": "linux/amd64,linux/arm64,linux/arm/v7"},
		},
		"default platform": {func(*Options) {}, map[string]string{defaultPlatformEnv: "linux/s390x"}, map[string]string{"platform": "linux/s390x"}},
		"platform over default": {
			func(o *Options) { o.Platforms = []string{"linux/riscv64"} },
			map[string]string{defaultPlatformEnv: "linux/s390x"}, map[string]string{"platform": "linux/riscv64"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := attrs(t, with(test.change), workspace(t, test.env))
			for key, want := range test.want {
				if got[key] != want {
					t.Errorf("%s is %q, want %q", key, got[key], want)
				}
			}
			if _, given := got["build-arg:C"]; given {
				t.Error("an argument that is not in the environment must be left out")
			}
		})
	}
}

func TestProxies(t *testing.T) {
	env := workspace(t, nil)
	env.Proxies = map[string]string{"HTTP_PROXY": "http://config", "NO_PROXY": "local"}
	got := attrs(t, with(func(o *Options) { o.BuildArgs = []string{"http_proxy=mine"} }), env)
	want := map[string]string{"build-arg:http_proxy": "mine", "build-arg:NO_PROXY": "local", "build-arg:HTTP_PROXY": ""}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
}

func TestFrontendOfSyntax(t *testing.T) {
	r, err := New(t.Context(), with(func(o *Options) { o.BuildArgs = []string{"BUILDKIT_SYNTAX=a/b", "BUILDKIT_INLINE_CACHE=1"} }), workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	options := r.Attempt().Options
	if options.Frontend != "gateway.v0" {
		t.Errorf("the frontend is %q", options.Frontend)
	}
	if len(options.CacheExports) != 1 || options.CacheExports[0].Type != "inline" {
		t.Errorf("the cache exports are %v", options.CacheExports)
	}
}

// TestAttemptsShareNothing proves that a second attempt is not what the first
// one made of it: BuildKit's client changes the maps it is given.
func TestAttemptsShareNothing(t *testing.T) {
	r, err := New(t.Context(), with(func(o *Options) {
		o.Tags, o.Push = []string{"example.com/a"}, true
		o.BuildArgs = []string{"BUILDKIT_INLINE_CACHE=1"}
	}), workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	first, want := r.Attempt().Options, r.Attempt().Options
	first.FrontendAttrs["x"], first.Exports[0].Attrs["x"], first.CacheExports[0].Attrs["x"] = "x", "x", "x"
	delete(first.LocalMounts, "context")
	second := r.Attempt().Options
	if second.Ref == first.Ref || second.Ref == "" {
		t.Errorf("the references are %q and %q", first.Ref, second.Ref)
	}
	if _, left := second.FrontendAttrs["x"]; left || !maps.Equal(second.FrontendAttrs, want.FrontendAttrs) || !maps.Equal(second.Exports[0].Attrs, want.Exports[0].Attrs) ||
		len(second.CacheExports[0].Attrs) != 0 || second.LocalMounts["context"] == nil {
		t.Errorf("the second attempt has what the first left: %+v", second)
	}
}

// TestStdinIsReadLast proves that a mistake elsewhere is told without waiting for
// standard input.
func TestStdinIsReadLast(t *testing.T) {
	env := workspace(t, nil)
	env.Stdin = readerFunc(func([]byte) (int, error) {
		t.Error("standard input was read")
		return 0, io.EOF
	})
	if _, err := New(t.Context(), with(func(o *Options) { o.Path, o.Push = "-", true }), env); err == nil {
		t.Error("got no error")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func exports(t *testing.T, opts Options, env Environment) []client.ExportEntry {
	t.Helper()
	r, err := New(t.Context(), opts, env)
	if err != nil {
		t.Fatal(err)
	}
	return r.Attempt().Options.Exports
}

func TestWarnings(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		want   []string // parts, a warning each
	}{
		"nothing":         {func(*Options) {}, []string{"add --tag and --push"}},
		"tag only":        {func(o *Options) { o.Tags = []string{"example.com/a"} }, []string{`"example.com/a" stays in the builder's cache`}},
		"push":            {func(o *Options) { o.Tags, o.Push = []string{"example.com/a"}, true }, nil},
		"output":          {func(o *Options) { o.Outputs = []string{"out"} }, nil},
		"on purpose":      {func(o *Options) { o.Outputs = []string{"type=cacheonly"} }, nil},
		"image unpushed":  {func(o *Options) { o.Outputs = []string{"type=image"} }, []string{"add push=true"}},
		"empty is absent": {func(o *Options) { o.Outputs = []string{""} }, []string{"add --tag and --push"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New(t.Context(), with(test.change), workspace(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			got := append(r.Leftovers(), r.Warnings()...)
			matches := slices.EqualFunc(got, test.want, strings.Contains)
			if !matches {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
