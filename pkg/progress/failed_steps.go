package progress

import (
	"context"
	"io"
	"strings"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// The lines and bytes that are kept of a step's log, in case that it fails.
const (
	tailLines = 10
	tailBytes = 8 << 10
)

// tails keep the end of each running step's log, for modes that do not show it.
type tails struct {
	logs   map[digest.Digest][]byte
	failed []failedStep
}

type failedStep struct {
	name  string
	lines []string
}

// note records a status whose text is clean.
func (t *tails) note(status *client.SolveStatus) {
	for _, line := range status.Logs {
		log := append(t.logs[line.Vertex], line.Data...)
		t.logs[line.Vertex] = log[max(0, len(log)-tailBytes):]
	}
	for _, vertex := range status.Vertexes {
		if vertex.Completed == nil {
			continue
		}
		if vertex.Error != "" && !strings.HasSuffix(vertex.Error, context.Canceled.Error()) {
			t.failed = append(t.failed, failedStep{name: vertex.Name, lines: lastLines(string(t.logs[vertex.Digest]))})
		}
		delete(t.logs, vertex.Digest)
	}
}

// lastLines returns the last lines of a log, without text that was overwritten by carriage returns.
func lastLines(log string) []string {
	lines := strings.Split(strings.TrimRight(log, "\r\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return lines
}

// PrintFailed writes, after Close, the last lines of each failed step's log, for modes that do not
// show logs.
func (d *Display) PrintFailed(w io.Writer) {
	for _, step := range d.tails.failed {
		if len(step.lines) == 1 && step.lines[0] == "" {
			continue
		}
		escape.Fprintf(w, "%s:\n", step.name)
		for _, line := range step.lines {
			escape.Fprintf(w, "  %s\n", line)
		}
	}
}
