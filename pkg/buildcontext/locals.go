package buildcontext

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/tonistiigi/fsutil"
)

// Local is a directory under the name that a frontend asks for: --local or
// --oci-layout NAME=DIR.
type Local struct {
	Flag  string
	Typed string // as the user typed it
	Name  string
	Dir   string
}

// Locals is the input of a frontend that is told everything: no Dockerfile is
// looked for and nothing is added.
func Locals(directories, layouts []Local, env Environment) (*Context, error) {
	c := newContext()
	for _, in := range directories {
		dir := env.path(in.Dir)
		if !isDirectory(dir) {
			return nil, in.wrong("no such directory: " + dir)
		}
		files, err := fsutil.NewFS(dir)
		if err != nil {
			return nil, in.wrong(plain(err))
		}
		c.mounts[in.Name], c.dirs[in.Name] = files, dir
		if in.Name == contextMount {
			c.sharedKey = sharedKey(dir)
		}
	}
	for _, in := range layouts {
		dir := env.path(in.Dir)
		if !isDirectory(dir) {
			return nil, in.wrong("no such directory: " + dir)
		}
		store, err := local.NewStore(dir)
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

// HasFile says whether the directory has the file, in the spelling given.
func (in Local) HasFile(name string, env Environment) bool {
	err := readable(filepath.Join(env.path(in.Dir), name))
	return !errors.Is(err, fs.ErrNotExist)
}

func (in Local) wrong(reason string) error {
	return &InvalidError{Flag: in.Flag, Value: in.Typed, Reason: reason, Next: "use " + in.Flag + " " + in.Name + "=DIR"}
}
