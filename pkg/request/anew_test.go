package request

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A build without cache sends its directories anew, in each of the ways to ask for one; and a retry
// does not again.
func TestNoCacheSendsAnew(t *testing.T) {
	for name, c := range map[string]struct {
		opts Options
		anew bool
	}{
		"docker":                {with(func(o *Options) { o.NoCache = true }), true},
		"docker, with cache":    {valid(), false},
		"docker, of one stage":  {with(func(o *Options) { o.NoCacheFilter = []string{"a"} }), false},
		"buildctl":              {Options{Frontend: Frontend{FrontendName: "dockerfile.v0", Locals: []string{"context=.", "dockerfile=."}, Opts: []string{"no-cache="}}}, true},
		"buildctl's flag":       {Options{Frontend: Frontend{FrontendName: "dockerfile.v0", Locals: []string{"context=.", "dockerfile=."}}, Cache: Cache{NoCache: true}}, true},
		"definition":            {Options{Frontend: Frontend{Locals: []string{"src=."}}, Cache: Cache{NoCache: true}}, true},
		"definition with cache": {Options{Frontend: Frontend{Locals: []string{"src=."}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			env := workspace(t, nil)
			keys := map[string]bool{}
			for range 2 {
				env.Stdin = bytes.NewReader(definition(t))
				r, err := New(t.Context(), c.opts, env)
				if err != nil {
					t.Fatal(err)
				}
				first, retry := r.Attempt().Options.SharedKey, r.Attempt().Options.SharedKey
				if first == "" || first != retry {
					t.Errorf("the attempts have the keys %q and %q", first, retry)
				}
				keys[first] = true
			}
			if anew := len(keys) == 2; anew != c.anew {
				t.Errorf("it is sent anew: %v, want %v", anew, c.anew)
			}
		})
	}
}

// In buildctl's way, too, an ignore file that cannot be obeyed is an error.
func TestWrongIgnoreFileOfLocals(t *testing.T) {
	for _, name := range []string{".dockerignore", "Dockerfile.dockerignore"} {
		env := workspace(t, nil)
		if err := os.Symlink("/etc/hostname", filepath.Join(env.WorkingDir, name)); err != nil {
			t.Fatal(err)
		}
		_, err := New(t.Context(), Options{Frontend: Frontend{FrontendName: "dockerfile.v0", Locals: []string{"context=.", "dockerfile=."}}}, env)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "leads out of") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
