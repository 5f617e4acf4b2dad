package buildcontext

import (
	"bufio"
	"errors"
	"io"

	"github.com/moby/buildkit/util/archiveutil"
)

// archiveHeader is how many bytes are looked at to tell an archive from a
// Dockerfile: two tar blocks.
const archiveHeader = 1024

// maxDockerfile bounds, in bytes, a Dockerfile on standard input, so that a
// wrong pipe is an error and not a full memory.
const maxDockerfile = 16 << 20

// fromStdin takes standard input for an archive, or for a Dockerfile that needs
// no context.
func (c *Context) fromStdin(in Input, env Environment) error {
	if in.Dockerfile == Stdin {
		return &InvalidError{
			Flag: "--file", Value: Stdin, Reason: "standard input cannot be both the context and the Dockerfile",
			Next: "name a directory as context, or leave --file out",
		}
	}
	input := bufio.NewReaderSize(env.Stdin, archiveHeader)
	header, err := input.Peek(archiveHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return &InvalidError{Flag: "PATH", Value: Stdin, Reason: "reading standard input: " + err.Error()}
	}
	if len(header) == 0 {
		return &InvalidError{
			Flag: "PATH", Value: Stdin, Reason: "standard input is empty",
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
		return &InvalidError{
			Flag: "--file", Value: in.Dockerfile,
			Reason: "standard input is a Dockerfile too, not an archive",
			Next:   "leave --file out, or pipe a tar archive of the context",
		}
	}
	c.mounts[contextMount] = emptyFS{}
	return c.mountDockerfile(input, "PATH", Stdin)
}

func (c *Context) dockerfileFromStdin(env Environment) error {
	return c.mountDockerfile(env.Stdin, "--file", Stdin)
}

// mountDockerfile reads a Dockerfile that is no file; flag and typed name it in
// errors.
func (c *Context) mountDockerfile(from io.Reader, flag, typed string) error {
	text, err := io.ReadAll(io.LimitReader(from, maxDockerfile+1))
	invalid := &InvalidError{Flag: flag, Value: typed}
	switch {
	case err != nil:
		invalid.Reason = "reading it: " + err.Error()
		return invalid
	case len(text) == 0:
		invalid.Reason, invalid.Next = "it is empty", "pipe a Dockerfile into it"
		return invalid
	case len(text) > maxDockerfile:
		invalid.Reason = "it is neither an archive nor a Dockerfile of at most 16 MiB"
		return invalid
	}
	c.mounts[dockerfileMount] = newDockerfileFS(text)
	c.attrs[filenameAttr] = defaultDockerfile
	c.attrs[dockerfileKeyAttr] = dockerfileMount
	return nil
}
