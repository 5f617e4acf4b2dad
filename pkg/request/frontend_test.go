package request

import (
	"maps"
	"path/filepath"
	"testing"
)

// buildctl is the way that BuildKit's guides build a Dockerfile.
func buildctl() Options {
	return Options{Frontend: Frontend{FrontendName: dockerfileFrontend, Locals: []string{"context=./", "dockerfile=./"}}}
}

func TestFrontendOptions(t *testing.T) {
	opts := buildctl()
	opts.Opts = []string{"target=dev", "build-arg:A=1", "build-arg:B", "build-arg:C", "target=release", "label:x=a=b"}
	opts.Outputs = []string{"type=image,name=example.com/a,push=true"}
	opts.ExportCache, opts.ImportCache = []string{"type=inline"}, []string{"example.com/a"}
	opts.NoCache = true
	env := workspace(t, map[string]string{"B": "2", "SOURCE_DATE_EPOCH": "7", defaultPlatformEnv: "linux/s390x"})
	env.Proxies = map[string]string{"HTTP_PROXY": "p"}
	r, err := New(t.Context(), opts, env)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Attempt().Options
	want := map[string]string{
		"target": "release", "build-arg:A": "1", "build-arg:B": "2", "build-arg:SOURCE_DATE_EPOCH": "7", "label:x": "a=b", "no-cache": "",
	}
	if !maps.Equal(got.FrontendAttrs, want) {
		t.Errorf("got %v, want %v: nothing is added that was not asked for", got.FrontendAttrs, want)
	}
	if got.Frontend != dockerfileFrontend || got.LocalMounts["context"] == nil || got.LocalMounts["dockerfile"] == nil || got.SharedKey == "" {
		t.Errorf("the input is %+v", got)
	}
	if len(got.Exports) != 1 || len(got.CacheExports) != 1 || len(got.CacheImports) != 1 {
		t.Errorf("the outputs and caches are %+v", got)
	}
}

func TestFrontendQuestion(t *testing.T) {
	opts := buildctl()
	opts.Opts = []string{"requestid=frontend.outline"}
	r, err := New(t.Context(), opts, workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Evaluation(); got == nil || got.Name != "outline" {
		t.Errorf("got %+v", got)
	}
}

func TestGatewayFrontend(t *testing.T) {
	r, err := New(t.Context(), Options{Frontend: Frontend{FrontendName: gatewayFrontend, Opts: []string{"source=example.com/frontend"}}}, workspace(t, nil))
	if err != nil || r.Attempt().Options.FrontendAttrs["source"] != "example.com/frontend" {
		t.Errorf("got %v", err)
	}
}

func TestFrontendErrors(t *testing.T) {
	for name, test := range map[string]struct {
		change     func(*Options)
		flag, want string
	}{
		"frontend":          {func(o *Options) { o.FrontendName = "buildpacks" }, "--frontend", "unknown frontend"},
		"no source":         {func(o *Options) { o.FrontendName = gatewayFrontend }, "--frontend", "--opt source=IMAGE"},
		"no dockerfile":     {func(o *Options) { o.Locals = []string{"context=."} }, "--frontend", "no Dockerfile"},
		"nothing in it":     {func(o *Options) { o.Opts = []string{"filename=Other"} }, "--local", "Other not found in it"},
		"local form":        {func(o *Options) { o.Locals = []string{"."} }, "--local", "not NAME=DIR"},
		"local directory":   {func(o *Options) { o.Locals = []string{"context=nope"} }, "--local", "no such directory"},
		"layout directory":  {func(o *Options) { o.OCILayouts = []string{"a=nope"} }, "--oci-layout", "no such directory"},
		"opt form":          {func(o *Options) { o.Opts = []string{"target"} }, "--opt", "not KEY=VALUE"},
		"opt without name":  {func(o *Options) { o.Opts = []string{"build-arg:=1"} }, "--opt", "not KEY=VALUE"},
		"opt against flag":  {func(o *Options) { o.Target, o.Opts = "a", []string{"target=b"} }, "--opt", `another flag sets "target"`},
		"path":              {func(o *Options) { o.Path = "." }, "PATH", "with --frontend"},
		"file":              {func(o *Options) { o.File = "Dockerfile" }, "--file", "with --frontend"},
		"build context":     {func(o *Options) { o.BuildContexts = []string{"a=."} }, "--build-context", "with --frontend"},
		"opt without it":    {func(o *Options) { o.Frontend, o.Path = Frontend{Opts: []string{"a=b"}}, "." }, "--opt", "requires --frontend"},
		"local without it":  {func(o *Options) { o.Frontend, o.Path = Frontend{Locals: []string{"a=b"}}, "." }, "--local", "requires --frontend"},
		"layout without it": {func(o *Options) { o.Frontend, o.Path = Frontend{OCILayouts: []string{"a=b"}}, "." }, "--oci-layout", "requires --frontend"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := buildctl()
			test.change(&opts)
			wantUsage(t, opts, workspace(t, nil), test.flag, test.want)
		})
	}
}

func TestDescribingFiles(t *testing.T) {
	env := workspace(t, nil)
	r, err := New(t.Context(), with(func(o *Options) { o.RefFile, o.Trace = "ref", "trace" }), env)
	if err != nil {
		t.Fatal(err)
	}
	files := r.Files()
	if files.Ref.Path() != filepath.Join(env.WorkingDir, "ref") || files.Trace.Path() != filepath.Join(env.WorkingDir, "trace") ||
		files.Report != nil || files.Metadata != nil || files.ImageID != nil {
		t.Errorf("got %+v", files)
	}
}

func TestBuildContextNames(t *testing.T) {
	for value, want := range map[string]string{
		"a=b": "a", "docker.io/library/alpine:latest=b": "alpine", "alpine:3=b": "alpine:3", "example.com/x=c=d": "example.com/x",
	} {
		if got, err := parseBuildContext(value); err != nil || got.Name != want {
			t.Errorf("%s: got %+v, %v", value, got, err)
		}
	}
	for value, want := range map[string]string{
		"a": "not NAME=VALUE", "A=b": "not a valid name of a context", "=b": "not a valid name of a context", "a=": "value is empty", "a=nope": "no such directory",
		"a=docker-image://A": "is not an image", "a=target:": "the stage is missing", "a=oci-layout://nope": "no OCI layout", "a=Dockerfile": "is a file",
	} {
		wantUsage(t, with(func(o *Options) { o.BuildContexts = []string{value} }), workspace(t, nil), "--build-context", want)
	}
}

func FuzzBuildContext(f *testing.F) {
	for _, seed := range []string{"a=b", "a", "=", "A=b", "a:latest=x", "a@sha256:b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		named, err := parseBuildContext(value)
		checkFuzzed(t, err)
		if err == nil && (named.Name == "" || named.Value == "") {
			t.Fatalf("%q became %+v", value, named)
		}
	})
}

func FuzzOpt(f *testing.F) {
	for _, seed := range []string{"a=b", "build-arg:A", "build-arg:", "=", "a"} {
		f.Add(seed)
	}
	env := Environment{LookupEnv: func(string) (string, bool) { return "", false }}
	f.Fuzz(func(t *testing.T, value string) {
		key, _, ok, err := parseOpt(value, env)
		checkFuzzed(t, err)
		if err == nil && ok && key == "" {
			t.Fatalf("%q has no key", value)
		}
		_, err = parseLocals("--local", []string{value})
		checkFuzzed(t, err)
	})
}
