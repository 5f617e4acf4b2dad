package progress

import (
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// Labeled is the part of a display that one of several builds has, which run at the same time on
// different daemons: two of them may report the same step, each by a clock of its own.
type Labeled struct {
	display attacher
	label   string

	mu    sync.Mutex
	clock *clock // nil before the first status
}

// Label returns the part of the build with that label, e.g. "linux/arm64". A later solve of it is
// the same build sent again.
func Label(display attacher, label string) *Labeled {
	return &Labeled{display: display, label: label}
}

// Attach returns a channel for the status of one solve, which the solve closes.
func (l *Labeled) Attach() chan *client.SolveStatus {
	out, in := l.display.Attach(), make(chan *client.SolveStatus)
	go func() {
		defer close(out)
		for status := range in {
			out <- l.rewrite(l.shift(status))
		}
	}()
	return in
}

// shift shifts the daemon's times to this machine's clock.
func (l *Labeled) shift(status *client.SolveStatus) *client.SolveStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clock == nil {
		l.clock = &clock{now: time.Now()}
	}
	return l.clock.shift(status)
}

// rewrite returns a copy of the status, whose steps differ from those of the other builds.
func (l *Labeled) rewrite(in *client.SolveStatus) *client.SolveStatus {
	out := &client.SolveStatus{}
	for _, vertex := range in.Vertexes {
		own := *vertex
		own.Digest, own.Name, own.Inputs = l.own(vertex.Digest), l.name(vertex.Name), nil
		for _, input := range vertex.Inputs {
			own.Inputs = append(own.Inputs, l.own(input))
		}
		out.Vertexes = append(out.Vertexes, &own)
	}
	for _, status := range in.Statuses {
		own := *status
		own.Vertex = l.own(status.Vertex)
		out.Statuses = append(out.Statuses, &own)
	}
	for _, line := range in.Logs {
		own := *line
		own.Vertex = l.own(line.Vertex)
		out.Logs = append(out.Logs, &own)
	}
	for _, warning := range in.Warnings {
		own := *warning
		own.Vertex = l.own(warning.Vertex)
		out.Warnings = append(out.Warnings, &own)
	}
	return out
}

func (l *Labeled) own(step digest.Digest) digest.Digest {
	if step == "" {
		return step
	}
	return digest.FromString(l.label + " " + step.String())
}

// name returns the name of the step with the label in front, as BuildKit writes it for a build of
// several platforms: "[linux/arm64 2/3] RUN make". A name that has a platform stays as it is.
func (l *Labeled) name(name string) string {
	rest, bracketed := strings.CutPrefix(name, "[")
	if !bracketed {
		return "[" + l.label + "] " + name
	}
	first, _, _ := strings.Cut(rest, " ")
	if first != "" && unicode.IsLetter(rune(first[0])) && strings.Contains(first, "/") {
		return name
	}
	return "[" + l.label + " " + rest
}
