package buildcontext

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Local is a directory with the name that a frontend requests: --local or
// --oci-layout NAME=DIR.
type Local struct {
	Flag  string
	Typed string // as the user typed it
	Name  string
	Dir   string
}

// Locals returns the input of a frontend with explicit inputs: no Dockerfile is
// searched and nothing is added. The error is a *usage.Error.
func Locals(ctx context.Context, directories, layouts []Local, env Environment) (*Context, error) {
	c := newContext()
	c.together = true
	for _, in := range directories {
		dir := env.path(in.Dir)
		if !safefile.IsDir(dir) {
			return nil, in.wrong("no such directory: " + dir)
		}
		if err := c.send(ctx, in.Name, dir, nil); err != nil {
			return nil, in.wrong(plain(err))
		}
	}
	for _, in := range layouts {
		dir := env.path(in.Dir)
		if !safefile.IsDir(dir) {
			return nil, in.wrong("no such directory: " + dir)
		}
		store, err := openLayout(dir)
		if err != nil {
			return nil, in.wrong(plain(err))
		}
		if c.layouts == nil {
			c.layouts = map[string]content.Store{}
		}
		c.layouts[in.Name] = store
	}
	return c, nil
}

// HasFile reports whether the directory has a file with exactly that name.
func (in Local) HasFile(name string, env Environment) bool {
	root, err := safefile.OpenRoot(env.path(in.Dir))
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	return root.Has(name)
}

// CheckIgnoreFile returns an error if the directory has an ignore file of that name that cannot be
// read or parsed. The daemon would ignore it, and request the files that it excludes.
func (in Local) CheckIgnoreFile(name string, env Environment) error {
	root, err := safefile.OpenRoot(env.path(in.Dir))
	if err != nil {
		return in.wrong(plain(err))
	}
	defer func() { _ = root.Close() }()
	_, err = readIgnoreFile(root, name)
	return err
}

func (in Local) wrong(reason string) error {
	return &usage.Error{What: in.Flag, Value: in.Typed, Reason: reason, Next: "use " + in.Flag + " " + in.Name + "=DIR"}
}
