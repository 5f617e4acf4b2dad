package buildcontext

import "io"

// Dockerfile returns the text of the Dockerfile, or nil if it is not on this machine, or too large for a Dockerfile.
// The name of one that the frontend is told by other means, e.g. --opt filename=NAME, is given; "" is the context's own.
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
