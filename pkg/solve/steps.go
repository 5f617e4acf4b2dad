package solve

import (
	"bytes"
	"sync"

	"github.com/moby/buildkit/client"
)

// steps is what a try has heard of its steps: their names, for an error has a
// digest only, and which of them run.
type steps struct {
	mu      sync.Mutex
	names   map[string]string   // by digest
	running map[string]struct{} // by name: behind a COPY every try has digests of its own
	missing map[string]struct{} // what is still to be seen
	caught  chan struct{}       // closed when nothing is missing; nil if it was not asked for
	seen    map[string]struct{} // names of the steps that have started
	foreign map[string]struct{} // names of the steps whose log has foreignProgram
}

// foreignProgram is what the kernel's refusal of a program for another architecture is called, in some spelling.
const foreignProgram = "exec format error"

func newSteps() *steps {
	return &steps{names: map[string]string{}, running: map[string]struct{}{}, seen: map[string]struct{}{}, foreign: map[string]struct{}{}}
}

// ranForeignProgram reports whether the step of that name has logged that a program is for another architecture.
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

// heard says whether the daemon has told of any step.
func (s *steps) heard() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.names) > 0
}

// tee returns a channel whose statuses are shown to each of the readers, which may add to them, and go on to out.
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

func (s *steps) note(status *client.SolveStatus) {
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
	s.look()
}

// look closes caught once something has been seen and nothing is missing.
func (s *steps) look() {
	if s.caught != nil && len(s.seen) > 0 && len(s.missing) == 0 && !isClosed(s.caught) {
		close(s.caught)
	}
}

// catchUp returns what is closed when all that runs in the other try was seen to
// run, or to have run, in this one.
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
	s.look()
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
