package driver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

func TestAffinity(t *testing.T) {
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{".": dir, "-": "-", "https://git.example.com/a.git": "git:git.example.com/a"} {
		if got := AffinityOf(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	// Builds of one repository or directory meet one member, wherever they are started.
	top := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want, workingDir string
		request          request.Options
	}{
		{"git:github.com/org/repo", dir, request.Options{Input: request.Input{Path: "git@github.com:org/repo.git"}}},
		{"git:github.com/org/repo", top, request.Options{Input: request.Input{Path: "git@github.com:org/repo.git#main"}}},
		{"git:github.com/org/repo", top, request.Options{Input: request.Input{Path: "github.com/org/repo"}}},
		{"git:github.com/org/repo", top, request.Options{Frontend: request.Frontend{FrontendName: "dockerfile.v0", Opts: []string{"context=https://github.com/org/repo.git"}}}},
		{dir, dir, request.Options{Input: request.Input{Path: "."}}},
		{dir, top, request.Options{Input: request.Input{Path: "link"}}},
		{dir, top, request.Options{Frontend: request.Frontend{FrontendName: "dockerfile.v0", Locals: []string{"dockerfile=link", "context=link"}}}},
		{dir, "", request.Options{Input: request.Input{Path: "."}}},
		{dir, dir, request.Options{Input: request.Input{Path: ".", File: "Dockerfile"}, Steps: request.Steps{Target: "test"}}},
		{dir + "\x00web/Dockerfile", top, request.Options{Input: request.Input{Path: "link", File: "link/web/Dockerfile"}}},
		{dir + "\x00web/Dockerfile", top, request.Options{Frontend: request.Frontend{
			FrontendName: "dockerfile.v0", Locals: []string{"context=link", "dockerfile=" + filepath.Join(dir, "web")},
		}}},
		{dir + "\x00a", top, request.Options{Frontend: request.Frontend{
			FrontendName: "dockerfile.v0", Locals: []string{"context=link", "dockerfile=link"}, Opts: []string{"filename=a"},
		}}},
		{"", top, request.Options{}},
	} {
		o := BuildOptions{Request: c.request, Environment: request.Environment{WorkingDir: c.workingDir}}
		if target := o.withDefaults().Connect.Target; target != c.request.Target {
			t.Errorf("the target is %q, want %q", target, c.request.Target)
		}
		if got := o.withDefaults().Connect.Affinity; got != c.want {
			t.Errorf("%q %q from %q: %q, want %q", c.request.Path, c.request.Locals, c.workingDir, got, c.want)
		}
	}
}
