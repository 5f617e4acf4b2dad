package upload

import (
	"fmt"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/units"
)

const (
	// transferring and its colon surround the name of the directory in the daemon's own line.
	transferring = "transferring "
	// annotateFrom is the number of bytes on the wire from which on an upload gets more lines.
	annotateFrom = 256 << 10
	// maxPaths is how many paths of a large directory a warning lists.
	maxPaths = 5
)

// Annotate adds what the client knows to the daemon's line about a directory: bytes on the wire,
// their rate, after the end how much compression has saved, and warnings if the directory was
// large or files of it changed.
func (m *Meter) Annotate(status *client.SolveStatus) {
	for _, line := range status.Statuses {
		name, isTransfer := strings.CutPrefix(strings.TrimSuffix(line.ID, ":"), transferring)
		if !isTransfer || line.Started == nil {
			continue
		}
		if line.Completed != nil {
			status.Warnings = append(status.Warnings, m.changes(name, line.Vertex)...)
		}
		now, known := m.figures(name)
		if !known || now.wire < annotateFrom || now.content == 0 {
			continue
		}
		status.Statuses = append(status.Statuses, now.lines(line)...)
		if line.Completed != nil {
			status.Warnings = append(status.Warnings, m.warnings(name, line.Vertex)...)
		}
	}
}

// lines returns the lines below the daemon's own. The name of a line cannot change while it is
// shown: only its figures do.
func (f figures) lines(under *client.VertexStatus) []*client.VertexStatus {
	rate := int64(float64(f.wire) / max(f.took, time.Millisecond).Seconds())
	wire, speed := *under, *under
	wire.ID, wire.Current, wire.Total = "on the wire:", f.wire, 0
	speed.ID, speed.Current, speed.Total = "sent per second:", rate, 0
	lines := []*client.VertexStatus{&wire, &speed}
	if saved := 100 - 100*f.wire/f.content; under.Completed != nil && saved > 0 {
		total := *under
		total.ID, total.Current, total.Total = fmt.Sprintf("compressing has saved %d%%", saved), 0, 0
		lines = append(lines, &total)
	}
	return lines
}

// warnings returns a warning with the largest paths of a directory that was large.
func (m *Meter) warnings(name string, vertex digest.Digest) []*client.VertexWarning {
	largest, total := m.largest(name)
	if limit := m.options.Large; limit == 0 || total <= limit {
		return nil
	}
	text := fmt.Sprintf("%.1f were sent of %q; exclude what the build does not need with a .dockerignore. The largest:",
		units.Bytes(total), m.options.path(name))
	warning := &client.VertexWarning{Vertex: vertex, Level: 1, Short: []byte(text)}
	for _, share := range largest {
		warning.Detail = append(warning.Detail, fmt.Appendf(nil, "%8.1f  %s", units.Bytes(share.bytes), share.path))
	}
	return []*client.VertexWarning{warning}
}
