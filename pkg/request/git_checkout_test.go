package request

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// gitWorkspace is a checkout with a Dockerfile in sub, and its commit.
func gitWorkspace(t *testing.T, variables map[string]string) (env Environment, commit string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("git is needed: ", err)
	}
	env = withFiles(t, variables, map[string]string{"sub/Dockerfile": "FROM scratch"})
	env.LookPath = func(string) (string, error) { return git, nil }
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first"},
		{"remote", "add", "origin", "https://user:word@example.com/a.git"},
	} {
		command := exec.Command(git, args...)
		command.Dir = env.WorkingDir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return env, checkout{program: git, root: env.WorkingDir}.revision(false)
}

func TestSourceIsDescribed(t *testing.T) {
	const address = "https://xxxxx:xxxxx@example.com/a.git"
	for name, test := range map[string]struct {
		variables map[string]string
		want      func(commit string) map[string]string
	}{
		"by default": {nil, func(commit string) map[string]string {
			return map[string]string{
				"vcs:revision": commit, "vcs:source": address, "vcs:localdir:context": "sub", "vcs:localdir:dockerfile": "sub",
				"label:org.opencontainers.image.revision": "",
			}
		}},
		"labels only": {map[string]string{"BUILDX_GIT_INFO": "false", "BUILDX_GIT_LABELS": "full"}, func(commit string) map[string]string {
			return map[string]string{
				"vcs:revision": "", "vcs:localdir:context": "", "label:org.opencontainers.image.revision": commit,
				"label:org.opencontainers.image.source": address, "label:com.docker.image.source.entrypoint": filepath.Join("sub", "Dockerfile"),
			}
		}},
		"nothing": {map[string]string{"BUILDX_GIT_INFO": "0"}, func(string) map[string]string {
			return map[string]string{"vcs:revision": "", "vcs:source": ""}
		}},
		"dirty": {map[string]string{"BUILDX_GIT_CHECK_DIRTY": "1"}, func(commit string) map[string]string {
			return map[string]string{"vcs:revision": commit + "-dirty"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			env, commit := gitWorkspace(t, test.variables)
			if err := os.WriteFile(filepath.Join(env.WorkingDir, "new"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			got := attrs(t, with(func(o *Options) { o.Path = "sub" }), env)
			for key, want := range test.want(commit) {
				if len(commit) != 40 || got[key] != want {
					t.Errorf("%s is %q, want %q", key, got[key], want)
				}
			}
		})
	}
}

func TestNoCheckout(t *testing.T) {
	env, _ := gitWorkspace(t, nil)
	env.LookPath = func(string) (string, error) { return "", exec.ErrNotFound }
	for name, env := range map[string]Environment{"no git": env, "no repository": workspace(t, nil)} {
		if got := attrs(t, valid(), withDockerfile(t, env)); got["vcs:revision"] != "" {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func withDockerfile(t *testing.T, env Environment) Environment {
	t.Helper()
	if err := os.WriteFile(filepath.Join(env.WorkingDir, "Dockerfile"), []byte("FROM scratch"), 0o644); err != nil {
		t.Fatal(err)
	}
	return env
}
