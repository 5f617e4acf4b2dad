package buildcontext

import (
	"bufio"
	"errors"
	"io"

	"github.com/moby/buildkit/util/archiveutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// archiveHeader is how many bytes are examined to distinguish an archive from a
// Dockerfile: two tar blocks.
const archiveHeader = 1024

// maxDockerfile is the maximum size of a Dockerfile on standard input, in bytes, so
// that a wrong pipe is an error and does not fill the memory.
const maxDockerfile = 16 << 20

// fromStdin reads standard input: an archive, or a Dockerfile without a context.
func (c *Context) fromStdin(in Input, env Environment) error {
	if in.Dockerfile == stdin {
		return &usage.Error{
			What: "--file", Value: stdin, Reason: "standard input cannot be both the context and the Dockerfile",
			Next: "name a directory as context, or leave --file out",
		}
	}
	input := bufio.NewReaderSize(env.Stdin, archiveHeader)
	header, err := input.Peek(archiveHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return &usage.Error{What: "PATH", Value: stdin, Reason: "reading standard input: " + err.Error()}
	}
	if len(header) == 0 {
		return &usage.Error{
			What: "PATH", Value: stdin, Reason: "standard input is empty",
			Next: "pipe an archive of the context or a Dockerfile into it",
		}
	}
	if archiveutil.IsArchive(header) {
		c.archive = input
		c.attrs[filenameAttr] = defaultDockerfile
		if isURL(in.Dockerfile) {
			c.dockerfileFromURL(in.Dockerfile)
			return nil
		}
		if in.Dockerfile != "" {
			c.attrs[filenameAttr] = in.Dockerfile
		}
		return nil
	}
	if in.Dockerfile != "" {
		return &usage.Error{
			What: "--file", Value: in.Dockerfile,
			Reason: "standard input is a Dockerfile too, not an archive",
			Next:   "leave --file out, or pipe a tar archive of the context",
		}
	}
	c.mounts[contextMount] = emptyFS{}
	text, err := readDockerfile(input, pathArgument, stdin)
	if err != nil {
		return err
	}
	_, err = c.dockerfileFromText(text, pathArgument, stdin, "")
	return err
}

func (c *Context) dockerfileFromStdin(env Environment, contextDir string) ([]string, error) {
	text, err := readDockerfile(env.Stdin, fileFlag, stdin)
	if err != nil {
		return nil, err
	}
	return c.dockerfileFromText(text, fileFlag, stdin, contextDir)
}

// readDockerfile reads a Dockerfile from a pipe; flag and typed are its names in errors.
func readDockerfile(from io.Reader, flag, typed string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxDockerfile+1))
	switch {
	case err != nil:
		return nil, &usage.Error{What: flag, Value: typed, Reason: "reading it: " + err.Error()}
	case len(text) > maxDockerfile:
		return nil, &usage.Error{What: flag, Value: typed, Reason: "it is neither an archive nor a Dockerfile of at most 16 MiB"}
	}
	return text, nil
}

// dockerfileFromText mounts a Dockerfile that is not a file. It returns the patterns of the
// context's ignore file.
func (c *Context) dockerfileFromText(text []byte, flag, typed, contextDir string) ([]string, error) {
	if len(text) == 0 {
		return nil, &usage.Error{What: flag, Value: typed, Reason: "it is empty", Next: "pipe a Dockerfile into it"}
	}
	c.mounts[dockerfileMount] = newDockerfileFS(text)
	c.attrs[filenameAttr] = defaultDockerfile
	c.attrs[dockerfileKeyAttr] = dockerfileMount
	if contextDir == "" {
		return nil, nil
	}
	rules, err := ignoredIn(contextDir)
	return rules.patterns, err
}
