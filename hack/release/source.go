package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// source is a clean clone of the commit, with the release's tag.
type source struct {
	dir     string
	version string
	commit  string
	time    time.Time // of the commit: every file of an archive bears it
	// toolchain is the Go that go.mod names, e.g. "go1.26.8": another makes other bytes.
	toolchain string
}

// checkOut clones the commit of the repository it stands in. The tag is made in the clone if it does not exist yet; one
// that names another commit is an error.
func checkOut(ctx context.Context, version, dir string, log io.Writer) (source, error) {
	root, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return source{}, err
	}
	commit, err := git(ctx, root, "rev-parse", "HEAD")
	if err != nil {
		return source{}, err
	}
	if tagged, err := git(ctx, root, "rev-parse", "--quiet", "--verify", version+"^{commit}"); err == nil && tagged != commit {
		return source{}, fmt.Errorf("tag %q is commit %s, and checked out is %s: check out the tag first", version, tagged, commit)
	}
	if changes, err := git(ctx, root, "status", "--porcelain"); err != nil {
		return source{}, err
	} else if changes != "" {
		fmt.Fprintf(log, "uncommitted changes are left out: the release is made of commit %s\n", commit)
	}
	if _, err := git(ctx, root, "clone", "--quiet", "--no-checkout", root, dir); err != nil {
		return source{}, err
	}
	if _, err := git(ctx, dir, "checkout", "--quiet", "--detach", commit); err != nil {
		return source{}, err
	}
	if _, err := git(ctx, dir, "tag", "--force", version, commit); err != nil {
		return source{}, err
	}
	stamp, err := git(ctx, dir, "log", "-1", "--format=%cI")
	if err != nil {
		return source{}, err
	}
	committed, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return source{}, fmt.Errorf("reading the commit's time: %w", err)
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.GoVersion}}")
	list.Dir, list.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	language, err := output(list)
	if err != nil {
		return source{}, err
	}
	return source{dir: dir, version: version, commit: commit, time: committed.UTC(), toolchain: "go" + language}, nil
}

func git(ctx context.Context, dir string, arguments ...string) (string, error) {
	return output(exec.CommandContext(ctx, "git", append([]string{"-C", dir}, arguments...)...))
}

// output runs the command, and puts what it says into the error.
func output(command *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("running %q: %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
