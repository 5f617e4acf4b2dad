package request

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/util/urlutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// checkout is the git checkout that the context is in.
type checkout struct {
	program string
	root    string
}

// describeSource adds the commit to the provenance, as docker does, and to the
// image's labels if the environment requests it. It does nothing for a context
// without a checkout, or without git.
func (o Input) describeSource(r *Request, env Environment) {
	label, noted := env.LookupEnv("BUILDX_GIT_LABELS")
	labeled := noted && (label == "full" || isYes(label))
	text, given := env.LookupEnv("BUILDX_GIT_INFO")
	informed := !given || isYes(text)
	dir := r.source.Dir
	if r.plain || (!labeled && !informed) || r.source.Kind != buildcontext.Directory {
		return
	}
	c, found := findCheckout(dir, env)
	if !found {
		if informed { // the name of the build in the history
			r.attrs["vcs:localdir:context"] = filepath.Base(r.source.Identity)
		}
		return
	}
	note := func(attr, labelName, value string) {
		if value == "" {
			return
		}
		if informed {
			r.attrs[attr] = value
		}
		if labeled {
			r.attrs["label:"+labelName] = value
		}
	}
	dirty, _ := env.LookupEnv("BUILDX_GIT_CHECK_DIRTY")
	note("vcs:revision", "org.opencontainers.image.revision", c.revision(isYes(dirty)))
	note("vcs:source", "org.opencontainers.image.source", c.source())
	if informed {
		for mount, dir := range r.context.Directories() {
			if below, inside := c.below(safefile.RealPath(dir)); inside {
				r.attrs["vcs:localdir:"+mount] = below
			}
		}
	}
	if labeled {
		file := filepath.Join(dir, "Dockerfile")
		if o.File != "" {
			file = absolute(env, o.File)
		}
		if below, inside := c.below(filepath.Join(safefile.RealPath(filepath.Dir(file)), filepath.Base(file))); inside {
			r.attrs["label:com.docker.image.source.entrypoint"] = below
		}
	}
}

// below returns the path relative to the checkout, with slashes.
func (c checkout) below(path string) (name string, inside bool) {
	name, err := filepath.Rel(c.root, path)
	return filepath.ToSlash(name), err == nil && filepath.IsLocal(name)
}

func isYes(text string) bool {
	yes, err := strconv.ParseBool(text)
	return err == nil && yes
}

// findCheckout searches .git first, so that git runs only in a checkout.
func findCheckout(dir string, env Environment) (c checkout, found bool) {
	for c.root = safefile.RealPath(dir); ; c.root = filepath.Dir(c.root) {
		if safefile.Exists(filepath.Join(c.root, ".git")) {
			break
		}
		if c.root == filepath.Dir(c.root) {
			return c, false
		}
	}
	program, err := env.LookPath("git")
	c.program = program
	return c, err == nil
}

func (c checkout) revision(checkDirty bool) string {
	commit := c.firstLine("rev-parse", "--verify", "--quiet", "HEAD")
	if commit != "" && checkDirty && c.isDirty() {
		commit += "-dirty"
	}
	return commit
}

// source returns the URL of the branch's remote, without a password.
func (c checkout) source() string {
	remotes := []string{"origin", "upstream"}
	if branch := c.firstLine("symbolic-ref", "-q", "HEAD"); branch != "" {
		if remote := c.firstLine("for-each-ref", "--format=%(upstream:remotename)", branch); remote != "" {
			remotes = append([]string{remote}, remotes...)
		}
	}
	for _, remote := range remotes {
		if address := c.firstLine("remote", "get-url", remote); address != "" {
			return urlutil.RedactCredentials(address)
		}
	}
	return ""
}

// gitTimeout is how long git may take for one question. The answers are notes in the provenance,
// which a build does without.
const gitTimeout = 10 * time.Second

// firstLine returns the first line of git's output, and "" if git fails.
func (c checkout) firstLine(args ...string) string {
	out, err := c.git(args...)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// git runs git without the programs that the checkout configures, since the checkout is untrusted.
func (c checkout) git(args ...string) ([]byte, error) {
	harmless := []string{"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", c.root}
	command := exec.Command(c.program, append(harmless, args...)...)
	var out bytes.Buffer
	command.Stdout = &out
	command.WaitDelay = time.Second // a child of git may keep its output open
	if err := command.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(gitTimeout, func() { _ = command.Process.Kill() })
	defer late.Stop()
	err := command.Wait()
	return out.Bytes(), err
}

// isDirty reports whether the checkout differs from its commit. Files whose difference only a
// program of the checkout could tell count as different, and what is in submodules does not count.
func (c checkout) isDirty() bool {
	args, safe := c.withoutFilters()
	if !safe {
		return true
	}
	return c.firstLine(append(args, "status", "--porcelain", "--ignored", "--ignore-submodules=dirty")...) != ""
}

// withoutFilters returns the flags that take the checkout's own filters out of use: git runs them
// to compare files. Those of the user's own configuration stay.
func (c checkout) withoutFilters() (flags []string, safe bool) {
	out, err := c.git("config", "--null", "--show-scope", "--includes", "--get-regexp", `^filter\.`)
	if err != nil {
		return nil, len(out) == 0 && isNoMatch(err)
	}
	entries := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for i := 0; i+1 < len(entries); i += 2 {
		if entries[i] != "local" && entries[i] != "worktree" {
			continue
		}
		key, _, _ := strings.Cut(entries[i+1], "\n")
		name := key[:max(0, strings.LastIndex(key, "."))]
		if strings.ContainsAny(name, "=\n") {
			return nil, false
		}
		flags = append(flags, "-c", name+".clean=", "-c", name+".smudge=", "-c", name+".process=", "-c", name+".required=false")
	}
	return flags, true
}

// isNoMatch reports whether git has found no entry of that kind.
func isNoMatch(err error) bool {
	var ended *exec.ExitError
	return errors.As(err, &ended) && ended.ExitCode() == 1
}
