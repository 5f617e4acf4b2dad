package progress

import (
	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// cleaner escapes the daemon's status, so that the display's own control codes are the only ones on
// the terminal, and its own line breaks the only ones outside of logs.
type cleaner struct {
	colors   bool // of logs
	warnings bool // are shown
	logs     map[stream]*escape.Log
}

// stream is one output stream of a step. A control sequence may begin in one status and end in the
// next.
type stream struct {
	step   digest.Digest
	number int
}

func (c *cleaner) clean(in *client.SolveStatus) *client.SolveStatus {
	out := rewritten(in, escape.Line)
	for _, line := range in.Logs {
		if data := c.log(stream{line.Vertex, line.Stream}).Filter(line.Data); len(data) > 0 {
			clean := *line
			clean.Data = data
			out.Logs = append(out.Logs, &clean)
		}
	}
	if c.warnings {
		out.Warnings = cleanWarnings(in.Warnings)
	}
	return out
}

func cleanWarnings(list []*client.VertexWarning) []*client.VertexWarning {
	var out []*client.VertexWarning
	for _, warning := range list {
		clean := *warning
		clean.Short = []byte(escape.Line(string(warning.Short)))
		out = append(out, &clean)
	}
	return out
}

func (c *cleaner) log(of stream) *escape.Log {
	if c.logs[of] == nil {
		c.logs[of] = &escape.Log{Colors: c.colors}
	}
	return c.logs[of]
}
