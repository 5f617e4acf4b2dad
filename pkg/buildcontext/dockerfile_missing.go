package buildcontext

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// missingDockerfile returns the error for a missing Dockerfile, with a suggestion.
func missingDockerfile(path string, in Input, contextDir string) error {
	missing := &usage.Error{
		What: fileFlag, Value: typedDockerfile(in, path), Reason: "no such file: " + path,
		Next: "name the Dockerfile with --file",
	}
	if in.Dockerfile != "" && contextDir != "" {
		inContext := filepath.Join(contextDir, in.Dockerfile)
		if info, err := safefile.Stat(inContext); err == nil && info.Mode().IsRegular() {
			missing.Next = "names are relative to the working directory: --file " + filepath.Join(in.source.Typed, in.Dockerfile)
			return missing
		}
	}
	if name := likely(path); name != "" {
		suggestion := filepath.Join(filepath.Dir(typedDockerfile(in, path)), name)
		if in.Dockerfile == "" {
			suggestion = filepath.Join(in.source.Typed, name)
		}
		missing.Next = "did you mean --file " + suggestion + "?"
	}
	return missing
}

// likely returns an existing file that the user may have meant: the same name in
// another case, or the name that other tools use.
func likely(path string) string {
	names := siblings(path)
	for _, want := range []string{filepath.Base(path), "Containerfile", defaultDockerfile} {
		for _, name := range names {
			if strings.EqualFold(name, want) && name != filepath.Base(path) {
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

func siblings(path string) []string {
	root, err := safefile.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }()
	entries, err := root.ReadDir(".")
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

func typedDockerfile(in Input, path string) string {
	if in.Dockerfile != "" {
		return in.Dockerfile
	}
	return filepath.Base(path)
}

// plain returns the cause without the path, which the messages here contain as the
// user typed it.
func plain(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Path + ": " + pathError.Err.Error()
	}
	return err.Error()
}
