package buildcontext

import (
	"os"
	"path/filepath"
	"testing"
)

// Builds of one Dockerfile in one source have one affinity, however both are written and wherever
// the build is started.
func TestSourceAffinity(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(top, "app")
	if err := os.MkdirAll(filepath.Join(app, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(app, filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	const git = "git:github.com/org/repo"
	for _, c := range []struct{ workingDir, path, dockerfile, want string }{
		{app, ".", "", app},
		{top, "link", "", app},
		{app, ".", "Dockerfile", app},
		{top, "app", "link/Dockerfile", app},
		{app, ".", "docker/web.Dockerfile", app + "\x00docker/web.Dockerfile"},
		{top, "link", "./link/docker/../docker/web.Dockerfile", app + "\x00docker/web.Dockerfile"},
		{app, ".", filepath.Join(app, "docker", "web.Dockerfile"), app + "\x00docker/web.Dockerfile"},
		{app, ".", "../Dockerfile", app + "\x00" + filepath.Join(top, "Dockerfile")},
		{app, ".", "-", app + "\x00-"},
		{app, ".", "https://user:secret@example.com/Dockerfile", app + "\x00https://example.com/Dockerfile"},
		{app, "https://github.com/org/repo.git", "", git},
		{top, "git@github.com:org/repo.git#main", "./Dockerfile", git},
		{app, "https://github.com/org/repo.git#v1", "docker/web.Dockerfile", git + "\x00docker/web.Dockerfile"},
		{app, "https://github.com/org/repo.git#v1:services/a", "", git + ":services/a"},
		{app, "https://github.com/org/repo.git", filepath.Join(app, "x"), git + "\x00" + filepath.Join(app, "x")},
		{app, "-", "", "-"},
		{top, "-", "web/Dockerfile", "-\x00web/Dockerfile"},
		{app, "", "", ""},
	} {
		env := Environment{WorkingDir: c.workingDir}
		if got := Classify(c.path, env).Affinity(c.dockerfile, env); got != c.want {
			t.Errorf("%q with %q in %q: %q, want %q", c.path, c.dockerfile, c.workingDir, got, c.want)
		}
	}
}
