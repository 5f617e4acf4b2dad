package buildcontext

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tonistiigi/fsutil"
)

// dockerfileFromFile mounts the Dockerfile's folder. A name given with --file
// is relative to the working directory, as docker has it; without one the
// Dockerfile is in contextDir.
func (c *Context) dockerfileFromFile(in Input, env Environment, contextDir string) error {
	if isURL(in.Dockerfile) {
		c.dockerfileFromURL(in.Dockerfile)
		return nil
	}
	path := filepath.Join(contextDir, defaultDockerfile)
	if in.Dockerfile != "" {
		path = env.path(in.Dockerfile)
	}
	if isPipe(path) {
		return c.dockerfileFromPipe(path, in.Dockerfile)
	}
	path, err := findDockerfile(path, in, contextDir)
	if err != nil {
		return err
	}
	if target, leaves := leavesFolder(path); leaves {
		return &InvalidError{
			Flag: "--file", Value: typedDockerfile(in, path),
			Reason: "it is a link to " + target + ", and only its own folder is sent",
			Next:   "name the target: --file " + target,
		}
	}
	files, err := fsutil.NewFS(filepath.Dir(path))
	if err != nil {
		return &InvalidError{Flag: "--file", Value: in.Dockerfile, Reason: plain(err)}
	}
	if contextDir != "" {
		files = sendIgnoreFile(files, path, contextDir)
		c.inlineDockerfile(files, filepath.Base(path))
	}
	c.mounts[dockerfileMount], c.dirs[dockerfileMount] = files, filepath.Dir(path)
	c.attrs[filenameAttr] = filepath.Base(path)
	return nil
}

// dockerfileFromPipe reads what a shell makes of --file <(program).
func (c *Context) dockerfileFromPipe(path, typed string) error {
	file, err := os.Open(path)
	if err != nil {
		return &InvalidError{Flag: "--file", Value: typed, Reason: plain(err)}
	}
	defer func() { _ = file.Close() }()
	return c.mountDockerfile(file, "--file", typed)
}

func isPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// findDockerfile returns the path to send: the one asked for, or its lower-case
// twin, which docker has always taken in place of a missing "Dockerfile".
func findDockerfile(path string, in Input, contextDir string) (string, error) {
	err := readable(path)
	if err == nil && exactName(path) {
		return path, nil
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		if filepath.Base(path) == defaultDockerfile {
			lower := filepath.Join(filepath.Dir(path), strings.ToLower(defaultDockerfile))
			if exactName(lower) && readable(lower) == nil {
				return lower, nil
			}
		}
		if err == nil {
			return path, nil
		}
		return "", missingDockerfile(path, in, contextDir)
	}
	return "", &InvalidError{Flag: "--file", Value: typedDockerfile(in, path), Reason: plain(err)}
}

// readable opens the file, because only that shows every reason why it could
// not be sent.
func readable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return &fs.PathError{Op: "reading", Path: path, Err: errors.New("it is a directory")}
	}
	return nil
}

// exactName says whether the folder really has an entry of that spelling: a
// file system that ignores case opens "Dockerfile" when there is "dockerfile",
// and the frontend, on Linux, would not find it.
func exactName(path string) bool {
	for _, name := range siblings(path) {
		if name == filepath.Base(path) {
			return true
		}
	}
	return false
}

func siblings(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

// leavesFolder says where a symbolic link leads, if that is not below the folder
// which is sent: the daemon would find no file.
func leavesFolder(path string) (target string, leaves bool) {
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", false
	}
	target, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", false
	}
	below, err := filepath.Rel(folder, target)
	return target, err != nil || !filepath.IsLocal(below)
}

func missingDockerfile(path string, in Input, contextDir string) error {
	missing := &InvalidError{
		Flag: "--file", Value: typedDockerfile(in, path), Reason: "no such file: " + path,
		Next: "name the Dockerfile with --file",
	}
	if in.Dockerfile != "" && contextDir != "" {
		inContext := filepath.Join(contextDir, in.Dockerfile)
		if readable(inContext) == nil {
			missing.Next = "names are relative to the working directory: --file " + filepath.Join(in.Path, in.Dockerfile)
			return missing
		}
	}
	if name := likely(path); name != "" {
		suggestion := filepath.Join(filepath.Dir(typedDockerfile(in, path)), name)
		if in.Dockerfile == "" {
			suggestion = filepath.Join(in.Path, name)
		}
		missing.Next = "did you mean --file " + suggestion + "?"
	}
	return missing
}

// likely finds what the user may have meant: the same name in other letters'
// case, or the name that other tools use.
func likely(path string) string {
	names := siblings(path)
	for _, want := range []string{filepath.Base(path), "Containerfile", defaultDockerfile} {
		for _, name := range names {
			if strings.EqualFold(name, want) {
				return name
			}
		}
	}
	for _, name := range names {
		lower := strings.ToLower(name)
		if strings.HasSuffix(lower, ".dockerignore") {
			continue
		}
		if strings.HasPrefix(lower, "dockerfile.") || strings.HasSuffix(lower, ".dockerfile") {
			return name
		}
	}
	return ""
}

func typedDockerfile(in Input, path string) string {
	if in.Dockerfile != "" {
		return in.Dockerfile
	}
	return filepath.Base(path)
}

// plain is the cause alone: the messages here name the path themselves, in the
// user's spelling.
func plain(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Path + ": " + pathError.Err.Error()
	}
	return err.Error()
}
