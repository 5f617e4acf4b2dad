package buildcontext

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// maxInline is the maximum size of a Dockerfile in the request itself, in bytes. A request has at
// most 16 MiB, and for larger files another round trip does not matter.
const maxInline = 256 << 10

// dockerfileFromFile mounts the Dockerfile and its ignore file, and no other file of their
// directory. The value of --file is relative to the working directory, as in docker; without it the
// Dockerfile is in contextDir. It returns the patterns of the ignore file.
func (c *Context) dockerfileFromFile(in Input, env Environment, contextDir string) (ignored []string, err error) {
	if isURL(in.Dockerfile) {
		c.dockerfileFromURL(in.Dockerfile)
		rules, err := ignoredIn(contextDir)
		return rules.patterns, err
	}
	path := filepath.Join(contextDir, defaultDockerfile)
	if in.Dockerfile != "" {
		path = env.path(in.Dockerfile)
		if safefile.IsPipe(path) {
			return c.dockerfileFromPipe(path, in.Dockerfile, contextDir)
		}
	}
	place, err := findDockerfile(path, in, contextDir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = place.root.Close() }()
	text, err := place.root.ReadFile(place.name, maxDockerfile)
	if err != nil {
		return nil, wrongDockerfile(err, in, place)
	}
	rules, err := readIgnoreFile(place.root, place.name+ignoreFile)
	if err == nil && !rules.found && contextDir != "" {
		rules, err = ignoredIn(contextDir)
	}
	if err != nil {
		return nil, err
	}
	name := filepath.Base(place.name)
	c.mountDefinition(name, text, rules, contextDir != "")
	c.dirs[dockerfileMount] = filepath.Dir(place.path)
	c.attrs[filenameAttr] = name
	return rules.patterns, nil
}

// mountDefinition mounts the Dockerfile and its ignore file under the name that the frontend looks
// up first, "Dockerfile.dockerignore". Both are then sent together, without a second request of the
// frontend: three round trips less, a quarter of a second over a slow connection.
func (c *Context) mountDefinition(name string, text []byte, rules ignoring, local bool) {
	files := memoryFS{newMemoryFile(name, text)}
	if !rules.found && local {
		rules.found, rules.text = true, []byte(nothingIgnored)
	}
	if rules.found {
		files = append(files, newMemoryFile(name+ignoreFile, rules.text))
	}
	c.mounts[dockerfileMount] = files
	if local {
		c.inlineDefinition(files)
	}
}

// inlineDefinition adds the Dockerfile and its ignore file to the request, so that the daemon does
// not request them: three round trips less, and for a known Dockerfile no transfer and no new
// snapshot. They are also in the mount, for old frontends of a "# syntax=" line that do not support
// inputs.
func (c *Context) inlineDefinition(files memoryFS) {
	name := files[0].stat.Path
	var action *llb.FileAction
	for _, file := range files {
		if len(file.data) > maxInline || len(files[0].data) == 0 {
			return // the daemon's own error for an empty one is better
		}
		if action == nil {
			action = llb.Mkfile(file.stat.Path, 0o644, file.data)
			continue
		}
		action = action.Mkfile(file.stat.Path, 0o644, file.data)
	}
	state := llb.Scratch().File(action, llb.WithCustomName("[internal] load build definition from "+name))
	c.inputs = map[string]llb.State{dockerfileMount: state}
}

// dockerfileFromPipe reads the pipe of a shell's --file <(program).
func (c *Context) dockerfileFromPipe(path, typed, contextDir string) ([]string, error) {
	text, err := safefile.Read(path, maxDockerfile)
	if err != nil {
		reason, next := explainRead(err)
		return nil, &usage.Error{What: fileFlag, Value: typed, Reason: reason, Next: next}
	}
	return c.dockerfileFromText(text, fileFlag, typed, contextDir)
}

// place is the location of a Dockerfile: relative to the context if possible, so that links within
// the context are followed.
type place struct {
	path string
	root *safefile.Root
	name string // relative to the root
}

func openPlace(path, contextDir string) (*place, error) {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if contextDir != "" {
		if below, err := filepath.Rel(safefile.RealPath(contextDir), filepath.Join(safefile.RealPath(dir), name)); err == nil && filepath.IsLocal(below) {
			dir, name = contextDir, below
		}
	}
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &place{path: path, root: root, name: name}, nil
}

// findDockerfile returns the place of the Dockerfile, or of "dockerfile", which docker uses if
// "Dockerfile" is missing. The caller closes its root.
func findDockerfile(path string, in Input, contextDir string) (*place, error) {
	found, err := openPlace(path, contextDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingDockerfile(path, in, contextDir)
	}
	if err != nil {
		return nil, &usage.Error{What: fileFlag, Value: typedDockerfile(in, path), Reason: plain(err)}
	}
	if found.exact() {
		return found, nil
	}
	if filepath.Base(path) == defaultDockerfile {
		twin := *found
		twin.path = filepath.Join(filepath.Dir(path), strings.ToLower(defaultDockerfile))
		twin.name = filepath.Join(filepath.Dir(found.name), strings.ToLower(defaultDockerfile))
		if twin.exact() {
			return &twin, nil
		}
	}
	if found.root.Has(found.name) {
		return found, nil
	}
	_ = found.root.Close()
	return nil, missingDockerfile(path, in, contextDir)
}

// exact reports whether the directory has an entry with exactly that name: a case-insensitive file
// system opens "dockerfile" as "Dockerfile", which the frontend, on Linux, would not find.
func (p *place) exact() bool {
	entries, err := p.root.ReadDir(filepath.Dir(p.name))
	if err != nil {
		return p.root.Has(p.name) // a directory without read permission
	}
	for _, entry := range entries {
		if entry.Name() == filepath.Base(p.name) {
			return true
		}
	}
	return false
}

func wrongDockerfile(err error, in Input, p *place) error {
	var dangling *safefile.DanglingError
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, &dangling) {
		return missingDockerfile(p.path, in, "")
	}
	invalid := &usage.Error{What: fileFlag, Value: typedDockerfile(in, p.path)}
	invalid.Reason, invalid.Next = explainRead(err)
	var leaves *safefile.LeavesError
	if errors.As(err, &leaves) {
		invalid.Next = "copy the file into the directory, or name the target with --file if you trust the author of the link"
	}
	return invalid
}

// Dockerfile returns the text of the Dockerfile, or nil if it is not on this machine, or too large
// for a Dockerfile. The name is that of --opt filename=NAME; "" is the context's own Dockerfile.
func (c *Context) Dockerfile(name string) []byte {
	files := c.mounts[dockerfileMount]
	if name == "" {
		name = c.attrs[filenameAttr]
	}
	if name == "" {
		name = defaultDockerfile
	}
	if files == nil || c.attrs[dockerfileKeyAttr] != "" && c.attrs[dockerfileKeyAttr] != dockerfileMount {
		return nil
	}
	file, err := files.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxInline+1))
	if err != nil || len(text) > maxInline {
		return nil
	}
	return text
}
