package upload

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// version is a state of a file, as far as a program that writes to it shows it.
type version struct {
	size    int64
	written int64 // nanoseconds since 1970
}

// versionOf returns the state of an open file; ok is false for what is not a file of this machine.
func versionOf(opened io.Reader) (v version, ok bool) {
	file, ok := opened.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return version{}, false
	}
	info, err := file.Stat()
	if err != nil {
		return version{}, false
	}
	return version{info.Size(), info.ModTime().UnixNano()}, true
}

// changed remembers a file that was written to while it was sent: the build has a part of each
// version of it, or less than all of it.
func (m *Meter) changed(name, file string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if current := m.latest[name]; current != nil {
		current.changes++
		if len(current.changed) < maxPaths {
			current.changed = append(current.changed, file)
		}
	}
}

// changes returns a warning with the files that were written to while they were sent.
func (m *Meter) changes(name string, vertex digest.Digest) []*client.VertexWarning {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.latest[name]
	if current == nil || current.changes == 0 {
		return nil
	}
	warning := &client.VertexWarning{Vertex: vertex, Level: 1, Short: fmt.Appendf(nil,
		"files of %q were written to while they were sent, and may be incomplete in the result; build again when no program changes them, or exclude them with a .dockerignore:",
		m.options.path(name))}
	for _, file := range current.changed {
		warning.Detail = append(warning.Detail, []byte(file))
	}
	if more := current.changes - len(current.changed); more > 0 {
		warning.Detail = append(warning.Detail, fmt.Appendf(nil, "and %d more", more))
	}
	return []*client.VertexWarning{warning}
}
