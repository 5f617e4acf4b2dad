package buildcontext

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/tonistiigi/fsutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// stdin is the name of standard input, as a context and as a Dockerfile.
const stdin = "-"

// The frontend's names: of its local mounts, of its attributes, and of the
// Dockerfile that it looks for.
const (
	contextMount      = "context"
	dockerfileMount   = "dockerfile"
	contextAttr       = "context"
	filenameAttr      = "filename"
	dockerfileKeyAttr = "dockerfilekey"
	capsAttr          = "frontend.caps"
	gitQueryCap       = "moby.buildkit.frontend.gitquerystring"
	defaultDockerfile = "Dockerfile"
)

// The names of flags and arguments in errors.
const (
	pathArgument = "PATH"
	fileFlag     = "--file"
	ignoreFlag   = "ignore file"
)

// Input is the user's input besides PATH.
type Input struct {
	Dockerfile string // --file; "" means Dockerfile in the context
	Named      []Named
	source     Source // of the context
}

// Environment is the part of the process's environment that Open reads.
type Environment struct {
	WorkingDir string    // the directory of relative paths
	Stdin      io.Reader // read only if the input names "-"
	// Expand replaces a leading ~ of a path; nil leaves paths as they are.
	Expand func(path string) string
}

// Context is a checked build input, which can be added to any number of solves.
type Context struct {
	mounts   map[string]fsutil.FS
	attrs    map[string]string
	keyed    map[string]string // attributes that are the shared keys of mounts
	together bool              // the frontend requests no keys, so that the session's is for all mounts
	anew     string            // added to the keys; empty unless everything is sent again
	archive  io.Reader
	layouts  map[string]content.Store
	inputs   map[string]llb.State // of the frontend, in the request itself
	fetched  *Fetched
	dirs     map[string]string // paths of the directories that are sent, by mount
	sent     map[string]*sent  // directories, by mount
	stages   map[string]string
}

func newContext() *Context {
	return &Context{
		mounts: map[string]fsutil.FS{}, attrs: map[string]string{}, keyed: map[string]string{}, stages: map[string]string{},
		dirs: map[string]string{}, sent: map[string]*sent{},
	}
}

// Open opens and checks the source, the Dockerfile and the named contexts. The error is a
// *usage.Error. The end of ctx ends the survey of directories, which continues after Open has
// returned.
func Open(ctx context.Context, source Source, in Input, env Environment) (*Context, error) {
	c := newContext()
	for _, named := range in.Named {
		if err := c.addNamed(ctx, named, env); err != nil {
			return nil, err
		}
	}
	if isURL(in.Dockerfile) {
		if err := invalidURL(in.Dockerfile); err != nil {
			return nil, &usage.Error{What: fileFlag, Value: in.Dockerfile, Reason: err.Error(), Next: "name a file or an https URL"}
		}
	}
	in.source = source
	switch source.Kind {
	case Stdin:
		return c, c.fromStdin(in, env)
	case Directory:
		return c, c.fromDirectory(ctx, in, env)
	case Git, URL:
		return c, c.fromRemote(in, env)
	}
	return nil, noDirectory(source)
}

// Stages returns the named contexts that are stages of the same Dockerfile, by the
// name of the context. They are built first.
func (c *Context) Stages() map[string]string {
	return maps.Clone(c.stages)
}

// Directories returns the local directories that are sent, by the names of their
// mounts.
func (c *Context) Directories() map[string]string {
	return maps.Clone(c.dirs)
}

// Fetched returns the Dockerfile that the daemon downloads before the build; nil if
// it is on this machine, or in the context.
func (c *Context) Fetched() *Fetched {
	return c.fetched
}

// Apply adds the context to opt: local mounts, frontend attributes, the key
// of incremental uploads, and for an archive on standard input its uploader.
func (c *Context) Apply(opt *client.SolveOpt) {
	if opt.FrontendAttrs == nil {
		opt.FrontendAttrs = map[string]string{}
	}
	if opt.LocalMounts == nil {
		opt.LocalMounts = map[string]fsutil.FS{}
	}
	maps.Copy(opt.FrontendAttrs, c.attrs)
	maps.Copy(opt.LocalMounts, c.mounts)
	for attr, mount := range c.keyed {
		opt.FrontendAttrs[attr] = c.key(mount)
	}
	opt.SharedKey = c.sessionKey()
	opt.FrontendInputs = maps.Clone(c.inputs)
	opt.OCIStores = maps.Clone(c.layouts)
	if c.archive != nil {
		uploads := uploadprovider.New()
		opt.FrontendAttrs[contextAttr] = uploads.Add(io.NopCloser(struct{ io.Reader }{c.archive})) // wrapped: bufio.Reader's WriteTo would write small pieces
		opt.Session = append(opt.Session, uploads)
	}
}

// Replayable reports whether the context can be sent a second time: an archive on
// standard input cannot.
func (c *Context) Replayable() bool {
	return c.archive == nil
}

// sessionKey returns the part of the key that all directories share.
func (c *Context) sessionKey() string {
	if !c.together {
		return c.key(contextMount)
	}
	mounts := slices.Sorted(maps.Keys(c.sent))
	if len(mounts) == 0 {
		return ""
	}
	parts := make([]string, 0, len(mounts))
	for _, mount := range mounts {
		parts = append(parts, mount+"\x00"+c.key(mount))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "locals:" + hex.EncodeToString(sum[:16])
}

func (c *Context) fromDirectory(ctx context.Context, in Input, env Environment) (err error) {
	dir := in.source.Dir
	var ignored []string
	if in.Dockerfile == stdin {
		ignored, err = c.dockerfileFromStdin(env, dir)
	} else {
		ignored, err = c.dockerfileFromFile(in, env, dir)
	}
	if err != nil {
		return err
	}
	if err := c.send(ctx, contextMount, dir, ignored); err != nil {
		return &usage.Error{What: pathArgument, Value: in.source.Typed, Reason: plain(err)}
	}
	return nil
}

// fromRemote makes the daemon download the context: a Dockerfile with a relative
// name is in the remote context, one with an absolute path or on standard input is
// on this machine.
func (c *Context) fromRemote(in Input, env Environment) error {
	if err := in.source.invalid(); err != nil {
		return &usage.Error{What: pathArgument, Value: in.source.Typed, Reason: err.Error(), Next: "name a directory, a git or https URL, or - for standard input"}
	}
	if in.source.Kind == Git && hasQuery(in.source.URL) {
		c.addCap(gitQueryCap)
	}
	c.attrs[contextAttr] = in.source.URL
	switch {
	case in.Dockerfile == stdin:
		_, err := c.dockerfileFromStdin(env, "")
		return err
	case isURL(in.Dockerfile):
		c.dockerfileFromURL(in.Dockerfile)
	case filepath.IsAbs(env.expand(in.Dockerfile)):
		c.attrs[dockerfileKeyAttr] = dockerfileMount
		_, err := c.dockerfileFromFile(in, env, "")
		return err
	case in.Dockerfile == "":
		c.attrs[filenameAttr] = defaultDockerfile
	default:
		c.attrs[filenameAttr] = in.Dockerfile
	}
	return nil
}

func (e Environment) expand(name string) string {
	if e.Expand == nil {
		return name
	}
	return e.Expand(name)
}

// path returns the absolute path of name in the environment's working directory.
func (e Environment) path(name string) string {
	name = e.expand(name)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(e.WorkingDir, name)
}

func noDirectory(source Source) error {
	typed, path := source.Typed, source.Dir
	if typed == "" {
		return &usage.Error{What: pathArgument, Reason: "no build context is named", Next: `use "." for the current directory`}
	}
	info, err := safefile.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &usage.Error{
			What: pathArgument, Value: typed, Reason: "no such directory: " + path,
			Next: "name a directory, a git or https URL, or - for standard input",
		}
	case err != nil:
		return &usage.Error{What: pathArgument, Value: typed, Reason: plain(err)}
	case info.Mode().IsRegular():
		return &usage.Error{
			What: pathArgument, Value: typed, Reason: "it is a file, not a directory",
			Next: "name its directory and give the file with --file, or send an archive with - < " + typed,
		}
	}
	return &usage.Error{What: pathArgument, Value: typed, Reason: "it is " + safefile.Kind(info.Mode()) + ", not a directory", Next: "name a directory, a git or https URL, or - for standard input"}
}
