package request

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
)

// definition is what a program pipes into the build: it copies a directory of
// the client, called src.
func definition(t testing.TB) []byte {
	t.Helper()
	state := llb.Scratch().File(llb.Copy(llb.Local("src"), "/", "/"))
	made, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := llb.WriteTo(made, &text); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func TestDefinition(t *testing.T) {
	env := workspace(t, map[string]string{"SOURCE_DATE_EPOCH": "7", defaultPlatformEnv: "linux/s390x"})
	env.Proxies = map[string]string{"HTTP_PROXY": "p"}
	for name, noCache := range map[string]bool{"as it is": false, "without cache": true} {
		env.Stdin = bytes.NewReader(definition(t))
		r, err := New(t.Context(), Options{
			Frontend: Frontend{Locals: []string{"src=."}}, Cache: Cache{NoCache: noCache, ExportCache: []string{"type=inline"}},
			Output: Output{Outputs: []string{"type=image,name=example.com/a,push=true"}}, Attestations: Attestations{Provenance: "mode=max"},
		}, env)
		if err != nil {
			t.Fatal(err)
		}
		a := r.Attempt()
		attrs := sortedKeys(a.Options.FrontendAttrs)
		if a.Options.Frontend != "" || !slices.Equal(attrs, []string{"attest:provenance", "build-arg:SOURCE_DATE_EPOCH"}) {
			t.Errorf("%s: the frontend %q gets %v", name, a.Options.Frontend, a.Options.FrontendAttrs)
		}
		if a.Options.LocalMounts["src"] == nil || len(a.Options.Exports) != 1 || len(a.Options.CacheExports) != 1 || r.Unrepeatable() != "" {
			t.Errorf("%s: got %+v", name, a.Options)
		}
		for key, step := range a.Definition.Metadata {
			if step.IgnoreCache != noCache {
				t.Errorf("%s: step %s ignores the cache: %v", name, key, step.IgnoreCache)
			}
		}
	}
}

func TestDefinitionErrors(t *testing.T) {
	empty := new(bytes.Buffer)
	if err := llb.WriteTo(&llb.Definition{}, empty); err != nil {
		t.Fatal(err)
	}
	good := definition(t)
	for name, test := range map[string]struct {
		stdin      []byte
		change     func(*Options)
		flag, want string
	}{
		"nothing":      {nil, func(*Options) {}, "standard input", "it is empty"},
		"no LLB":       {[]byte("FROM alpine\n"), func(*Options) {}, "standard input", "invalid LLB definition"},
		"no steps":     {append(empty.Bytes(), 0x1a, 0), func(*Options) {}, "standard input", "has no steps"},
		"no directory": {good, func(o *Options) { o.Locals = []string{"source=."} }, "--local", `reads the directory "src"`},
		"opt":          {good, func(o *Options) { o.Opts = []string{"target=a"} }, "--opt", "the flag needs a frontend"},
		"build-arg":    {good, func(o *Options) { o.BuildArgs = []string{"A=1"} }, "--build-arg", "the flag needs a frontend"},
		"target":       {good, func(o *Options) { o.Target = "a" }, "--target", "the flag needs a frontend"},
		"network":      {good, func(o *Options) { o.Network = "none" }, "--network", "the flag needs a frontend"},
		"old limit":    {good, func(o *Options) { o.MoreResources = []string{"memory=1g"} }, "--resource", "the flag needs a frontend"},
		"question":     {good, func(o *Options) { o.Check = true }, "--check", "the flag needs a frontend"},
		"file":         {good, func(o *Options) { o.File = "Dockerfile" }, "--file", "the flag needs a frontend"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Frontend: Frontend{Locals: []string{"src=."}}}
			test.change(&opts)
			env := workspace(t, nil)
			env.Stdin = bytes.NewReader(test.stdin)
			wantUsage(t, opts, env, test.flag, test.want)
		})
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add(definition(f))
	f.Add([]byte("FROM scratch\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, locals, err := parseDefinition(text)
		if err != nil {
			return
		}
		ignoreCache(parsed)
		for _, name := range locals {
			if strings.HasPrefix(name, localScheme) && !bytes.Contains(text, []byte(localScheme+localScheme)) {
				t.Fatalf("the directory is %q", name)
			}
		}
	})
}
