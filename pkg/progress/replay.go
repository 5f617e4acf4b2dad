package progress

import (
	"bytes"
	"sync"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// How much output is remembered, in bytes: of a step's stream, and of all.
const (
	maxKept    = 1 << 20
	maxAllKept = 32 << 20
)

// replay lets a build that is sent again, after its connection was lost, look
// like one: a step goes on where it was, a finished one stays finished, and what
// a daemon tells a second time is not shown again. Steps are known by their
// names: behind a COPY they have another digest every time.
type replay struct {
	mu     sync.Mutex
	named  map[string][]*shownStep // by name, in the order of their coming
	shown  map[digest.Digest]*shownStep
	sent   int // how often the build was sent
	kept   int // bytes of output that are remembered
	behind *clock
}

// shownStep is what was shown of a step.
type shownStep struct {
	digest  digest.Digest  // that it was shown with
	started map[int64]bool // when, in nanoseconds: a step may pause and go on
	done    bool           // without an error
	logs    map[int][]byte
	sent    int // the sending in which it was shown last
}

// sending is one solve of the build.
type sending struct {
	*replay
	number int
	steps  map[digest.Digest]*shownStep
	read   map[*shownStep]map[int]int // how much of the known output has come again; -1 if it differs
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

// show returns what of the status is new.
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

// again says that the step was done before this sending, and stays so.
func (s *sending) again(step *shownStep) bool { return step.done && step.sent != s.number }

// vertex is nil if there is nothing new about the step.
func (s *sending) vertex(in *client.Vertex) *client.Vertex {
	step := s.steps[in.Digest]
	if step == nil {
		step = s.find(in)
		s.steps[in.Digest] = step
	}
	if s.again(step) && in.Error == "" && (in.Started == nil || in.Cached || step.started[in.Started.UnixNano()]) {
		return nil // it was not done again
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

// find is the step of an earlier sending with that digest or name, or a new one.
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

// step is what is known under that digest. A step that two builds share is
// announced under a digest of the second, and then told of under the first's.
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

// output is what of the line was not shown by an earlier sending. As long as the
// step says the same again it is left out; from where it differs all is shown.
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
