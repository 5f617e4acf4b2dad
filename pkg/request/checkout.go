package request

import (
	"path/filepath"
	"strconv"

	"github.com/moby/buildkit/util/urlutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// checkout is the git checkout that the context is in.
type checkout struct {
	program string
	root    string
}

// describeSource notes for the provenance which commit is built, as docker does,
// and labels the image with it if the environment says so. A context without a
// checkout, or a machine without git, has nothing to note.
func (o Input) describeSource(r *Request, env Environment) {
	label, noted := env.LookupEnv("BUILDX_GIT_LABELS")
	labeled := noted && (label == "full" || isYes(label))
	text, given := env.LookupEnv("BUILDX_GIT_INFO")
	informed := !given || isYes(text)
	dir := absolute(env, o.Path)
	if r.plain || (!labeled && !informed) || !safefile.IsDir(dir) {
		return
	}
	c, found := findCheckout(dir, env)
	if !found {
		if informed { // history names a build by it
			r.attrs["vcs:localdir:context"] = filepath.Base(safefile.RealPath(dir))
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

// below returns the path relative to the checkout, as the daemon writes paths.
func (c checkout) below(path string) (name string, inside bool) {
	name, err := filepath.Rel(c.root, path)
	return filepath.ToSlash(name), err == nil && filepath.IsLocal(name)
}

func isYes(text string) bool {
	yes, err := strconv.ParseBool(text)
	return err == nil && yes
}

// findCheckout looks for .git first, so that git runs only where there is one.
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
	commit := c.say("rev-parse", "--verify", "--quiet", "HEAD")
	if commit != "" && checkDirty && c.isDirty() {
		commit += "-dirty"
	}
	return commit
}

// source is where the branch comes from, without a password.
func (c checkout) source() string {
	remotes := []string{"origin", "upstream"}
	if branch := c.say("symbolic-ref", "-q", "HEAD"); branch != "" {
		if remote := c.say("for-each-ref", "--format=%(upstream:remotename)", branch); remote != "" {
			remotes = append([]string{remote}, remotes...)
		}
	}
	for _, remote := range remotes {
		if address := c.say("remote", "get-url", remote); address != "" {
			return urlutil.RedactCredentials(address)
		}
	}
	return ""
}
