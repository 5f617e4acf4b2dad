package request

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const denyRule = `{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://a*"}}]}`

// withFiles is a workspace with more files.
func withFiles(t *testing.T, variables map[string]string, files map[string]string) Environment {
	t.Helper()
	env := workspace(t, variables)
	for name, text := range files {
		path := filepath.Join(env.WorkingDir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

func TestPolicies(t *testing.T) {
	files := map[string]string{"deny.json": denyRule, "other.json": denyRule, "sub/Dockerfile": "FROM a", "sub/Dockerfile.rego": "package docker"}
	for name, test := range map[string]struct {
		change func(*Options)
		env    map[string]string
		rules  int
	}{
		"none":     {func(*Options) {}, nil, 0},
		"a file":   {func(o *Options) { o.SourceFile = "deny.json" }, nil, 1},
		"variable": {func(*Options) {}, map[string]string{sourcePolicyEnv: "deny.json"}, 1},
		"policies": {func(o *Options) { o.Policies = []string{"filename=deny.json,filename=other.json,strict=true"} }, nil, 2},
		"all":      {func(o *Options) { o.SourceFile, o.Policies = "deny.json", []string{"filename=other.json"} }, nil, 2},
		"reset":    {func(o *Options) { o.Policies = []string{"filename=deny.json", "reset=true,filename=other.json"} }, nil, 1},
		"disabled": {func(o *Options) { o.Policies, o.Path = []string{"disabled=true"}, "sub" }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New(t.Context(), with(test.change), withFiles(t, test.env, files))
			if err != nil {
				t.Fatal(err)
			}
			policy := r.Attempt().Options.SourcePolicy
			if (policy == nil) != (test.rules == 0) || len(policy.GetRules()) != test.rules {
				t.Errorf("got %v, want %d rules", policy, test.rules)
			}
		})
	}
}

func TestPolicyErrors(t *testing.T) {
	files := map[string]string{"deny.json": denyRule, "text": "rules!", "nothing": "", "blank": "\n", "sub/Dockerfile": "FROM a", "sub/Dockerfile.rego": "package docker"}
	for name, test := range map[string]struct {
		change     func(*Options)
		flag, want string
	}{
		"no file":     {func(o *Options) { o.SourceFile = "nope" }, "--source-policy-file", "no such file"},
		"no policy":   {func(o *Options) { o.SourceFile = "text" }, "--source-policy-file", "invalid source policy"},
		"nothing":     {func(o *Options) { o.SourceFile = "nothing" }, "--source-policy-file", "it is empty"},
		"blank":       {func(o *Options) { o.Policies = []string{"filename=blank"} }, "--policy", "it is empty"},
		"rego":        {func(o *Options) { o.Policies = []string{"filename=p.rego"} }, "--policy", "engine"},
		"rego beside": {func(o *Options) { o.Path = "sub" }, "--file", "--policy disabled=true"},
		"log level":   {func(o *Options) { o.Policies = []string{"log-level=debug"} }, "--policy", "logs nothing"},
		"lenient":     {func(o *Options) { o.Policies = []string{"strict=false"} }, "--policy", "always strict"},
		"boolean":     {func(o *Options) { o.Policies = []string{"reset=ja"} }, "--policy", "not a boolean"},
		"key":         {func(o *Options) { o.Policies = []string{"file=x"} }, "--policy", `unknown key "file"`},
		"bare":        {func(o *Options) { o.Policies = []string{"deny.json"} }, "--policy", "not key=value"},
		"empty":       {func(o *Options) { o.Policies = []string{"filename="} }, "--policy", "is empty"},
		"both":        {func(o *Options) { o.Policies = []string{"disabled=true,filename=deny.json"} }, "--policy", "disables the policies"},
	} {
		t.Run(name, func(t *testing.T) { wantUsage(t, with(test.change), withFiles(t, nil, files), test.flag, test.want) })
	}
}

func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{"filename=a", "reset=1,filename=b", "strict=0", "=", `"`, denyRule} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		_, err := parsePolicy(value)
		checkFuzzed(t, err)
		_, _ = parseSourcePolicy([]byte(value))
	})
}

// Docker would obey a policy beside the Dockerfile, wherever that is.
func TestRegoIsRefusedEverywhere(t *testing.T) {
	files := map[string]string{
		"a/dockerfile": "FROM a", "a/dockerfile.rego": "x", "b/dockerfile": "FROM a", "b/Dockerfile.rego": "x", "c/Other": "FROM a", "c/Other.rego": "x",
		"d/Dockerfile": "FROM a", "d/Other.rego": "x",
	}
	env := withFiles(t, nil, files)
	for _, dir := range []string{"a", "b"} {
		wantUsage(t, with(func(o *Options) { o.Path = dir }), env, "--file", "--policy disabled=true")
		if _, err := New(t.Context(), with(func(o *Options) { o.Path, o.Policies = dir, []string{"disabled=true"} }), env); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	wantUsage(t, with(func(o *Options) { o.Path, o.File = "c", "c/Other" }), env, "--file", "Other.rego")
	if _, err := New(t.Context(), with(func(o *Options) { o.Path = "d" }), env); err != nil {
		t.Errorf("a policy of another Dockerfile: %v", err)
	}
	for _, test := range []struct {
		change func(*Options)
		want   []string
	}{
		{func(o *Options) { o.Path = "https://x.io/a.git" }, []string{"Dockerfile.rego", "dockerfile.rego"}},
		{func(o *Options) { o.Path, o.File = "https://x.io/a.git", "sub/Dockerfile" }, []string{"sub/Dockerfile.rego", "sub/dockerfile.rego"}},
		{func(o *Options) { o.Path, o.File = "https://x.io/a.tar.gz", "sub/Other" }, []string{"sub/Other.rego"}},
		{func(o *Options) { o.Path, o.Policies = "https://x.io/a.git", []string{"disabled=true"} }, nil},
		{func(o *Options) { o.Path = "d" }, nil},
	} {
		r, err := New(t.Context(), with(test.change), env)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Attempt().Policies; !slices.Equal(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// What buildctl builds, the buildctl form builds.
func TestFrontendFindsWhatBuildctlFinds(t *testing.T) {
	env := withFiles(t, nil, map[string]string{"low/dockerfile": "FROM scratch"})
	for _, locals := range [][]string{{"dockerfile=low"}, {"context=low", "dockerfile=low"}} {
		options := Options{Frontend: Frontend{FrontendName: dockerfileFrontend, Locals: locals}}
		if _, err := New(t.Context(), options, env); err != nil {
			t.Errorf("%q: %v", locals, err)
		}
	}
	options := Options{Frontend: Frontend{FrontendName: dockerfileFrontend, Locals: []string{"dockerfile=low"}, Opts: []string{"filename=Other"}}}
	wantUsage(t, options, env, "--local", "Other not found in it")
}
