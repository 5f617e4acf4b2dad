package solve

import (
	"sync"

	"github.com/moby/buildkit/client"
)

// stepNames remembers what the daemon calls its steps: an error has a digest
// only.
type stepNames struct {
	mu    sync.Mutex
	names map[string]string
}

func newStepNames() *stepNames {
	return &stepNames{names: map[string]string{}}
}

func (s *stepNames) name(digest string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[digest]
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

func (s *stepNames) note(status *client.SolveStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, vertex := range status.Vertexes {
		s.names[vertex.Digest.String()] = vertex.Name
	}
}
