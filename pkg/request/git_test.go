package request

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a checkout with one commit, and the environment of a build in it.
func repository(t *testing.T, variables map[string]string) (string, Environment) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "x"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	return dir, Environment{WorkingDir: dir, LookupEnv: func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}, LookPath: exec.LookPath, Stdout: io.Discard}
}

// What a checkout names in its configuration never runs: it may be anyone's.
func TestGitRunsNoProgramOfTheCheckout(t *testing.T) {
	for name, config := range map[string]string{
		"fsmonitor":       "[core]\n\tfsmonitor = \"PROGRAM\"\n",
		"hooks":           "[core]\n\thooksPath = \"HOOKS\"\n",
		"clean filter":    "[filter \"x\"]\n\tclean = \"PROGRAM\"\n",
		"process filter":  "[filter \"x\"]\n\tprocess = \"PROGRAM\"\n\trequired = true\n",
		"pager":           "[core]\n\tpager = \"PROGRAM\"\n[pager]\n\tstatus = true\n",
		"included filter": "[include]\n\tpath = more\n",
		"odd filter":      "[filter \"x=y\"]\n\tclean = \"PROGRAM\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir, env := repository(t, map[string]string{"BUILDX_GIT_CHECK_DIRTY": "1", "BUILDX_GIT_LABELS": "full"})
			marker, hooks := filepath.Join(t.TempDir(), "ran"), t.TempDir()
			program := filepath.Join(hooks, "post-index-change")
			filter := "x"
			if name == "odd filter" {
				filter = "x=y"
			}
			more := "[filter \"x\"]\n\tclean = \"" + program + "\"\n"
			config = strings.ReplaceAll(strings.ReplaceAll(config, "PROGRAM", program), "HOOKS", hooks)
			for path, text := range map[string]string{
				program: "#!/bin/sh\ntouch " + marker + "\ncat\n", filepath.Join(dir, ".git", "more"): more,
				filepath.Join(dir, ".gitattributes"): "* filter=" + filter + "\n", filepath.Join(dir, "Dockerfile"): "FROM SCRATCH\n",
			} {
				if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			file, err := os.OpenFile(filepath.Join(dir, ".git", "config"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = file.WriteString(config)
			if closeErr := file.Close(); err != nil || closeErr != nil {
				t.Fatal(err, closeErr)
			}
			got := attrs(t, Options{Input: Input{Path: dir}}, env)
			if _, err := os.Stat(marker); err == nil {
				t.Error("a program of the checkout ran")
			}
			if !strings.HasSuffix(got["vcs:revision"], "-dirty") {
				t.Errorf("the revision is %q", got["vcs:revision"])
			}
		})
	}
}

func TestCleanCheckout(t *testing.T) {
	dir, env := repository(t, map[string]string{"BUILDX_GIT_CHECK_DIRTY": "1"})
	got := attrs(t, Options{Input: Input{Path: dir}}, env)
	if revision := got["vcs:revision"]; len(revision) != 40 || got["vcs:localdir:context"] != "." {
		t.Errorf("got %v", got)
	}
}
