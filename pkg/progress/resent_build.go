package progress

import (
	"bytes"
	"sync"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// The maximum output that is remembered, in bytes: of a step's stream, and in total.
const (
	maxKept    = 1 << 20
	maxAllKept = 32 << 20
)

// replay shows a build that is sent again, after its connection was lost, as a
// single build: a running step continues, a finished one stays finished, and a
// status that a daemon reports a second time is not shown again. Steps are
// identified by their names: after a COPY their digest differs every time.
type replay struct {
	mu     sync.Mutex
	named  map[string][]*shownStep // by name, in the order in which they were reported
	shown  map[digest.Digest]*shownStep
	sent   int // how often the build was sent
	kept   int // bytes of output that are remembered
	behind *clock
}

// shownStep is what was shown of a step.
type shownStep struct {
	digest  digest.Digest  // the one that was shown
	started map[int64]bool // times in nanoseconds: a step may pause and continue
	done    bool           // without an error
	logs    map[int][]byte
	sent    int // number of the sending in which it was last shown
}

// sending is one solve of the build.
type sending struct {
	*replay
	number int
	steps  map[digest.Digest]*shownStep
	read   map[*shownStep]map[int]int // how much of the known output was received again; -1 if it differs
}

func newReplay() *replay {
	return &replay{named: map[string][]*shownStep{}, shown: map[digest.Digest]*shownStep{}}
}

// send begins a solve.
func (r *replay) send(clock *clock) *sending {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	if r.behind == nil {
		r.behind = clock
	}
	return &sending{replay: r, number: r.sent, steps: map[digest.Digest]*shownStep{}, read: map[*shownStep]map[int]int{}}
}

// show returns the part of the status that is new.
func (s *sending) show(in *client.SolveStatus) *client.SolveStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	in = s.behind.shift(in)
	out := &client.SolveStatus{}
	for _, vertex := range in.Vertexes {
		if shown := s.vertex(vertex); shown != nil {
			out.Vertexes = append(out.Vertexes, shown)
		}
	}
	for _, status := range in.Statuses {
		if step := s.step(status.Vertex); step == nil || !s.again(step) {
			moved := *status
			moved.Vertex = s.known(status.Vertex)
			out.Statuses = append(out.Statuses, &moved)
		}
	}
	for _, line := range in.Logs {
		if data := s.output(line); len(data) > 0 {
			moved := *line
			moved.Vertex, moved.Data = s.known(line.Vertex), data
			out.Logs = append(out.Logs, &moved)
		}
	}
	for _, warning := range in.Warnings {
		if step := s.step(warning.Vertex); step == nil || !s.again(step) {
			moved := *warning
			moved.Vertex = s.known(warning.Vertex)
			out.Warnings = append(out.Warnings, &moved)
		}
	}
	return out
}

// again reports whether the step was done before this sending, and still is.
func (s *sending) again(step *shownStep) bool { return step.done && step.sent != s.number }

// vertex returns nil if the status of the step is not new.
func (s *sending) vertex(in *client.Vertex) *client.Vertex {
	step := s.steps[in.Digest]
	if step == nil {
		step = s.find(in)
		s.steps[in.Digest] = step
	}
	if s.again(step) && in.Error == "" && (in.Started == nil || in.Cached || step.started[in.Started.UnixNano()]) {
		return nil // its result came from the cache
	}
	step.sent = s.number
	if in.Started != nil {
		step.started[in.Started.UnixNano()] = true
	}
	step.done = in.Completed != nil && in.Error == ""
	moved := *in
	moved.Digest = step.digest
	moved.Inputs = nil
	for _, input := range in.Inputs {
		moved.Inputs = append(moved.Inputs, s.known(input))
	}
	return &moved
}

// find returns the step of an earlier sending with that digest or name, or a new one.
func (s *sending) find(vertex *client.Vertex) *shownStep {
	if step := s.shown[vertex.Digest]; step != nil {
		return step
	}
	taken := map[*shownStep]bool{}
	for _, step := range s.steps {
		taken[step] = true
	}
	for _, step := range s.named[vertex.Name] {
		if !taken[step] {
			return step
		}
	}
	step := &shownStep{digest: vertex.Digest, started: map[int64]bool{}, logs: map[int][]byte{}, sent: s.number}
	s.named[vertex.Name] = append(s.named[vertex.Name], step)
	s.shown[vertex.Digest] = step
	return step
}

// step returns the step with that digest. A step that two builds share is
// announced with the digest of the second, and then reported with that of the first.
func (s *sending) step(vertex digest.Digest) *shownStep {
	if step := s.steps[vertex]; step != nil {
		return step
	}
	return s.shown[vertex]
}

func (s *sending) known(vertex digest.Digest) digest.Digest {
	if step := s.step(vertex); step != nil {
		return step.digest
	}
	return vertex
}

// output returns the part of the line that an earlier sending has not shown: nothing
// while the output is the same, everything from the first difference on.
func (s *sending) output(line *client.VertexLog) []byte {
	step := s.step(line.Vertex)
	if step == nil {
		return line.Data
	}
	if s.again(step) {
		return nil
	}
	read := s.read[step]
	if read == nil {
		read = map[int]int{}
		s.read[step] = read
	}
	data, kept := line.Data, step.logs[line.Stream]
	if at := read[line.Stream]; at >= 0 && at < len(kept) {
		same := min(len(kept)-at, len(data))
		if bytes.Equal(kept[at:at+same], data[:same]) {
			read[line.Stream], data = at+same, data[same:]
		} else {
			read[line.Stream] = -1
			step.logs[line.Stream] = kept[:at:at]
			s.kept -= len(kept) - at
		}
	}
	if room := min(maxKept-len(step.logs[line.Stream]), maxAllKept-s.kept); room > 0 && len(data) > 0 {
		remembered := data[:min(room, len(data))]
		step.logs[line.Stream] = append(step.logs[line.Stream], remembered...)
		s.kept += len(remembered)
		if read[line.Stream] >= 0 {
			read[line.Stream] = len(step.logs[line.Stream])
		}
	}
	return data
}
