package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A git context comes without its .git, and with it where BuildKit's build argument asks for it: then the daemon
// needs a git that serves the repository to itself, as the official image has it.
func TestGitContextWithItsHistory(t *testing.T) {
	t.Parallel()
	u, git := newUser(t), newGitServer(t)
	u.builder()
	build := func(keep string) string {
		out := t.TempDir()
		u.buildkit("build", "-o", out, "--build-arg", "BASE="+need(t, "E2E_BASE_IMAGE"), "--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR="+keep,
			"http://"+git.http+"/words.git#main").ok()
		return filepath.Join(out, "src")
	}
	subjects := func(dir string) (string, error) {
		log := exec.Command("git", "--git-dir", filepath.Join(dir, ".git"), "-c", "safe.directory=*", "log", "--format=%s")
		out, err := log.CombinedOutput()
		return string(out), err
	}
	if without := build("0"); read(t, filepath.Join(without, "words")) != "second\n" {
		t.Errorf("the context's file has %q", read(t, filepath.Join(without, "words")))
	} else if log, err := subjects(without); err == nil {
		t.Errorf("there is a .git without being asked for: %s", log)
	}
	if log, err := subjects(build("1")); err != nil || !strings.HasPrefix(log, "third\n") {
		t.Errorf("the log is %q, %v", log, err)
	}
}
