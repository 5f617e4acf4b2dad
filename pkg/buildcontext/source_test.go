package buildcontext

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// One source has one identity, however and wherever it is typed, and no two sources share one.
func TestClassify(t *testing.T) {
	top := safefile.RealPath(t.TempDir())
	for _, dir := range []string{"app/sub", "other", "at/github.com/local/repo", "at/git@example.com:org/repo.git", "app/~", "home/src"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "app", "app/self": ".", "other/up": filepath.Join(top, "app")} {
		if err := os.Symlink(target, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(top, "app", "context.tar"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	app, src := filepath.Join(top, "app"), filepath.Join(top, "home", "src")
	const repo, archive = "git:example.com/org/repo", "https://example.com/a/context.tar.gz"
	everywhere := []string{"app", "other", "at"} // below top, the working directories
	for _, c := range []struct {
		typed    string
		kind     Kind
		identity string
		ssh      bool
		from     []string // working directories below top; nil is everywhere
	}{
		{".", Directory, app, false, []string{"app", "link"}},
		{"./", Directory, app, false, []string{"app", "link"}},
		{"../app", Directory, app, false, everywhere},
		{"../app/sub/..", Directory, app, false, everywhere},
		{"../link", Directory, app, false, everywhere},
		{"../app/self/self", Directory, app, false, everywhere},
		{"up", Directory, app, false, []string{"other"}},
		{app, Directory, app, false, nil},
		{app + "/", Directory, app, false, nil},
		{"sub", Directory, filepath.Join(app, "sub"), false, []string{"app"}},
		{"~/src", Directory, src, false, nil},
		{"./~", Directory, filepath.Join(app, "~"), false, []string{"app"}},
		{"github.com/local/repo", Directory, filepath.Join(top, "at/github.com/local/repo"), false, []string{"at"}},
		{"git@example.com:org/repo.git", Directory, filepath.Join(top, "at/git@example.com:org/repo.git"), false, []string{"at"}},

		{"git@example.com:org/repo.git", Git, repo, true, []string{"app", "other"}},
		{"deploy@example.com:org/repo.git", Git, repo, true, nil},
		{"git@example.com:org/repo", Git, repo, true, nil},
		{"git@example.com:/org/repo.git", Git, repo, true, nil},
		{"git@example.com:org/repo.git#main", Git, repo, true, nil},
		{"ssh://git@example.com/org/repo.git", Git, repo, true, nil},
		{"ssh://git@example.com:22/org/repo.git#v1", Git, repo, true, nil},
		{"https://example.com/org/repo.git", Git, repo, false, nil},
		{"https://EXAMPLE.com:443/org/repo.git#abc", Git, repo, false, nil},
		{"https://user:token@example.com/org/repo.git?ref=main", Git, repo, false, nil},
		{"http://example.com/org/repo.git", Git, repo, false, nil},
		{"git://example.com/org/repo.git", Git, repo, false, nil},
		{"git@example.com:org/repo.git#main:sub", Git, repo + ":sub", true, nil},
		{"https://example.com/org/repo.git#:sub/", Git, repo + ":sub", false, nil},
		{"https://example.com/org/repo.git?subdir=sub", Git, repo + ":sub", false, nil},
		{"https://example.com:8443/org/repo.git", Git, "git:example.com:8443/org/repo", false, nil},
		{"github.com/org/repo", Git, "git:github.com/org/repo", false, nil},
		{"https://github.com/org/repo.git", Git, "git:github.com/org/repo", false, nil},
		{"git@github.com:org/repo.git", Git, "git:github.com/org/repo", true, nil},

		{archive, URL, archive, false, nil},
		{"https://user:token@example.com:443/a/context.tar.gz", URL, archive, false, nil},
		{"https://example.com/a/context.tar.gz?x=1", URL, archive + "?x=1", false, nil},
		{"http://example.com/Dockerfile", URL, "http://example.com/Dockerfile", false, nil},
		{"-", Stdin, "-", false, nil},

		{"example.com/org/repo", Missing, filepath.Join(app, "example.com/org/repo"), false, []string{"app"}},
		{"./github.com/org/repo", Missing, filepath.Join(app, "github.com/org/repo"), false, []string{"app", "link"}},
		{"context.tar", Missing, filepath.Join(app, "context.tar"), false, []string{"app"}},
		{"file:///etc", Missing, filepath.Join(app, "file:/etc"), false, []string{"app"}},
		{"", Missing, "", false, nil},
	} {
		from := c.from
		if from == nil {
			from = everywhere
		}
		for _, below := range from {
			env := Environment{
				WorkingDir: filepath.Join(top, below),
				Expand:     func(path string) string { return home.Expand(path, filepath.Join(top, "home")) },
			}
			got := Classify(c.typed, env)
			if got.Kind != c.kind || got.Identity != c.identity || got.SSH != c.ssh || got.Typed != c.typed {
				t.Errorf("%q from %s: got %+v, want kind %d of %s", c.typed, below, got, c.kind, c.identity)
			}
			remote := c.kind == Git || c.kind == URL
			if (got.URL != "") != remote || (got.Dir != "") != (c.kind == Directory || c.kind == Missing && c.typed != "") {
				t.Errorf("%q: the URL is %q, and the directory %q", c.typed, got.URL, got.Dir)
			}
		}
	}
}
