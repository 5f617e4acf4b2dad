package request

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// A ~ after the = of a value, which most shells leave alone, is the home directory in every value
// that names a path.
func TestHomeInValues(t *testing.T) {
	home := t.TempDir()
	for name, text := range map[string]string{
		"secret": "s", "policy.json": `{"rules":[]}`, "Dockerfile": "FROM scratch\n", "context/Dockerfile": "FROM scratch\n",
		"layout/index.json": `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:4444444444444444444444444444444444444444444444444444444444444444"}]}`,
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o755), os.WriteFile(filepath.Join(home, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	writeCache(t, filepath.Join(home, "cache"))
	for name, change := range map[string]func(*Options){
		"context":       func(o *Options) { o.Path = "~/context" },
		"Dockerfile":    func(o *Options) { o.File = "~/Dockerfile" },
		"remote":        func(o *Options) { o.Path, o.File = "https://example.com/a.git", "~/Dockerfile" },
		"secret":        func(o *Options) { o.Secret = []string{"id=a,src=~/secret"} },
		"policy":        func(o *Options) { o.Policies = []string{"filename=~/policy.json"} },
		"source policy": func(o *Options) { o.SourceFile = "~/policy.json" },
		"named context": func(o *Options) { o.BuildContexts = []string{"n=~/context"} },
		"home itself":   func(o *Options) { o.BuildContexts = []string{"n=~"} },
		"layout":        func(o *Options) { o.BuildContexts = []string{"n=oci-layout://~/layout"} },
		"output":        func(o *Options) { o.Outputs = []string{"type=local,dest=~/o"} },
		"bare output":   func(o *Options) { o.Outputs = []string{"~/o"} },
		"archive":       func(o *Options) { o.Outputs = []string{"type=tar,dest=~/o.tar"} },
		"metadata":      func(o *Options) { o.MetadataFile = "~/m" },
		"cache":         func(o *Options) { o.CacheTo = []string{"type=local,dest=~/cache"} },
		"cached":        func(o *Options) { o.CacheFrom = []string{"type=local,src=~/cache"} },
		"local": func(o *Options) {
			*o = Options{Frontend: Frontend{FrontendName: "dockerfile.v0", Locals: []string{"context=~/context", "dockerfile=~/context"}}}
		},
		"not a path": func(o *Options) { o.BuildArgs = []string{"A=~/x"} },
		"layout, locals": func(o *Options) {
			*o = Options{Frontend: Frontend{FrontendName: "dockerfile.v0", Locals: []string{"context=~/context", "dockerfile=~/context"}, OCILayouts: []string{"l=~/layout"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := workspace(t, map[string]string{"HOME": home})
			r, err := New(t.Context(), with(change), env)
			if err != nil {
				t.Fatal(err)
			}
			a := r.Attempt()
			if value, set := a.Options.FrontendAttrs["build-arg:A"]; set && value != "~/x" {
				t.Errorf("an argument became %q", value)
			}
			for _, entry := range append(a.Options.CacheImports, a.Options.CacheExports...) {
				place := entry.Attrs["src"]
				if dest := entry.Attrs["dest"]; dest != "" {
					place = filepath.Dir(dest) // beside its place, until it is complete
				}
				if place != filepath.Join(home, "cache") {
					t.Errorf("the cache is in %q", place)
				}
			}
			for _, entry := range a.Options.Exports {
				if strings.Contains(entry.OutputDir, "~") {
					t.Errorf("the output is in %q", entry.OutputDir)
				}
			}
			if name == "cached" && len(a.Options.CacheImports) != 1 {
				t.Error("the cache was not found")
			}
			if _, err := os.Lstat(filepath.Join(env.WorkingDir, "~")); err == nil {
				t.Error("there is a directory ~")
			}
		})
	}
	env := workspace(t, map[string]string{"HOME": home})
	_, err := New(t.Context(), with(func(o *Options) { o.SSHKeys = []string{"default=~/none"} }), env)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(home, "none")) {
		t.Errorf("the key is looked for at %v", err)
	}
}

// An agent or key that is something else is refused and not waited for.
func TestSSHOfNoKey(t *testing.T) {
	env := workspace(t, nil)
	_, err := New(t.Context(), with(func(o *Options) { o.SSHKeys = []string{"default=."} }), env)
	var wrong *usage.Error
	if !errors.As(err, &wrong) || !strings.Contains(wrong.Reason, "it is a directory") {
		t.Errorf("got %v", err)
	}
}
