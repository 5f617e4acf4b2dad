package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// Recorder collects the status of a build. All methods may be called concurrently.
type Recorder struct {
	mu       sync.Mutex
	steps    map[digest.Digest]*step
	order    []*step
	warnings []*client.VertexWarning
	logged   int // bytes of logs since they were last truncated to their shares
}

// step is the recorded status of a step, with the daemon's times.
type step struct {
	vertex    client.Vertex
	works     []work
	transfers map[string]*client.VertexStatus
	began     []string // the transfers' IDs in order
	log       logBuffer
}

// work is a period in which a step ran; end is nil while it runs.
type work struct {
	start time.Time
	end   *time.Time
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder {
	return &Recorder{steps: map[digest.Digest]*step{}}
}

// Add records a status.
func (r *Recorder) Add(status *client.SolveStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, vertex := range status.Vertexes {
		r.step(vertex.Digest).note(vertex)
	}
	for _, transfer := range status.Statuses {
		r.step(transfer.Vertex).noteTransfer(transfer)
	}
	for _, line := range status.Logs {
		r.step(line.Vertex).log.write(line.Data)
		r.logged += len(line.Data)
	}
	if r.logged > logLimit { // whatever the number of steps that a daemon reports
		r.shareLogs()
		r.logged = 0
	}
	r.warnings = append(r.warnings, status.Warnings...)
}

func (r *Recorder) step(id digest.Digest) *step {
	known := r.steps[id]
	if known == nil {
		known = &step{vertex: client.Vertex{Digest: id}, transfers: map[string]*client.VertexStatus{}}
		r.steps[id] = known
		r.order = append(r.order, known)
	}
	return known
}

// note records what is new. The daemon reports a step that ran several times, e.g.
// one that resolved its base and pulled it later, with a different start each.
func (s *step) note(vertex *client.Vertex) {
	s.vertex.Name = cmp.Or(vertex.Name, s.vertex.Name)
	s.vertex.Cached = vertex.Cached
	s.vertex.Error = vertex.Error
	if len(vertex.Inputs) > 0 {
		s.vertex.Inputs = vertex.Inputs
	}
	if vertex.Started == nil {
		return
	}
	for i := range s.works {
		if s.works[i].start.Equal(*vertex.Started) {
			if vertex.Completed != nil {
				s.works[i].end = vertex.Completed
			}
			return
		}
	}
	s.works = append(s.works, work{start: *vertex.Started, end: vertex.Completed})
	slices.SortFunc(s.works, func(a, b work) int { return a.start.Compare(b.start) })
}

func (s *step) noteTransfer(status *client.VertexStatus) {
	if s.transfers[status.ID] == nil {
		s.began = append(s.began, status.ID)
	}
	s.transfers[status.ID] = status
}

// last returns the latest time that the daemon has reported.
func (r *Recorder) last() time.Time {
	var last time.Time
	later := func(t *time.Time) {
		if t != nil && t.After(last) {
			last = *t
		}
	}
	for _, s := range r.order {
		for _, work := range s.works {
			later(&work.start)
			later(work.end)
		}
		for _, transfer := range s.transfers {
			later(&transfer.Timestamp)
		}
	}
	return last
}

// first returns the time at which the first step began; the zero time if none did.
func (r *Recorder) first() time.Time {
	var first time.Time
	for _, s := range r.order {
		if len(s.works) > 0 && (first.IsZero() || s.works[0].start.Before(first)) {
			first = s.works[0].start
		}
	}
	return first
}

// ReadTrace returns the build of a trace: its statuses, a line of JSON each.
func ReadTrace(r io.Reader, title string) (Build, error) {
	recorder := NewRecorder()
	decoder := json.NewDecoder(bufio.NewReader(r))
	for line := 1; ; line++ {
		status := &client.SolveStatus{}
		err := decoder.Decode(status)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Build{}, fmt.Errorf("invalid status %d: %w", line, err)
		}
		recorder.Add(status)
	}
	build := recorder.Build(About{Title: title})
	build.State = build.StateOfSteps()
	return build, nil
}
