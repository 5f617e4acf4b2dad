package buildcontext

import (
	"errors"
	"io"
	"io/fs"

	"github.com/moby/buildkit/client/llb"
	"github.com/tonistiigi/fsutil"
)

// maxInline bounds, in bytes, what goes into the request itself. A request holds 16 MiB at most, and beyond that size a
// round trip more is not what a user waits for.
const maxInline = 256 << 10

// inlineDockerfile puts the Dockerfile and its ignore file into the request, so that the daemon does not ask for them:
// three round trips less, and for a known Dockerfile no transfer and no new snapshot. It stays in the mount too, for
// frontends of a "# syntax=" line that are too old to look at their inputs.
func (c *Context) inlineDockerfile(files fsutil.FS, name string) {
	text, ok := readSmall(files, name)
	if !ok || len(text) == 0 {
		return // the daemon says best what is wrong with it
	}
	action := llb.Mkfile(name, 0o644, text)
	switch ignored, ok := readSmall(files, name+ignoreFile); {
	case !ok:
		return
	case ignored != nil:
		action = action.Mkfile(name+ignoreFile, 0o644, ignored)
	}
	state := llb.Scratch().File(action, llb.WithCustomName("[internal] load build definition from "+name))
	c.inputs = map[string]llb.State{dockerfileMount: state}
}

// readSmall reads a file of at most maxInline bytes; the text of a missing one is nil.
func readSmall(files fsutil.FS, name string) (text []byte, ok bool) {
	file, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true
	}
	if err != nil {
		return nil, false
	}
	defer func() { _ = file.Close() }()
	text, err = io.ReadAll(io.LimitReader(file, maxInline+1))
	return text, err == nil && len(text) <= maxInline
}
