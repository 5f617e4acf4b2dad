package solve

import (
	"bytes"
	"sync"

	"github.com/moby/buildkit/client"
)

// steps is what the daemon has reported of a try's steps: their names, since an
// error has only a digest, and which of them run.
type steps struct {
	mu      sync.Mutex
	names   map[string]string   // by digest
	running map[string]struct{} // by name: after a COPY the digests of every try differ
	missing map[string]struct{} // names of the steps that have not started yet, though they run in the other try
	caught  chan struct{}       // closed when no step is missing; nil without catchUp
	seen    map[string]struct{} // names of the steps that have started
	foreign map[string]struct{} // names of the steps whose log has foreignProgram
}

// foreignProgram is the kernel's error for a program of another architecture, in lower case.
const foreignProgram = "exec format error"

func newSteps() *steps {
	return &steps{names: map[string]string{}, running: map[string]struct{}{}, seen: map[string]struct{}{}, foreign: map[string]struct{}{}}
}

// ranForeignProgram reports whether the step of that name has logged that a program is for another
// architecture.
func (s *steps) ranForeignProgram(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.foreign[name]
	return found
}

func (s *steps) name(digest string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[digest]
}

// any reports whether the daemon has reported any step.
func (s *steps) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.names) > 0
}

// tee returns a channel whose statuses are passed to each of the readers, which may add to them,
// and then to out.
func tee(out chan *client.SolveStatus, readers ...func(*client.SolveStatus)) chan *client.SolveStatus {
	in := make(chan *client.SolveStatus)
	go func() {
		defer close(out)
		for status := range in {
			for _, read := range readers {
				read(status)
			}
			out <- status
		}
	}()
	return in
}

func (s *steps) record(status *client.SolveStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, vertex := range status.Vertexes {
		s.names[vertex.Digest.String()] = vertex.Name
		if vertex.Started == nil {
			continue
		}
		s.seen[vertex.Name] = struct{}{}
		delete(s.missing, vertex.Name)
		if vertex.Completed == nil {
			s.running[vertex.Name] = struct{}{}
		} else {
			delete(s.running, vertex.Name)
		}
	}
	for _, log := range status.Logs {
		if bytes.Contains(bytes.ToLower(log.Data), []byte(foreignProgram)) {
			s.foreign[s.names[log.Vertex.String()]] = struct{}{}
		}
	}
	s.checkCaughtUp()
}

// checkCaughtUp closes caught once a step has started and no step is missing.
func (s *steps) checkCaughtUp() {
	if s.caught != nil && len(s.seen) > 0 && len(s.missing) == 0 && !isClosed(s.caught) {
		close(s.caught)
	}
}

// catchUp returns a channel that is closed when all steps that run in the other try
// have started in this one.
func (s *steps) catchUp(other *steps) <-chan struct{} {
	other.mu.Lock()
	defer other.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing, s.caught = map[string]struct{}{}, make(chan struct{})
	for name := range other.running {
		if _, ok := s.seen[name]; !ok {
			s.missing[name] = struct{}{}
		}
	}
	s.checkCaughtUp()
	return s.caught
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}
