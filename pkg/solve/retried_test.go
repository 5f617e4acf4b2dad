package solve

import (
	"context"
	"errors"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
)

// TestFailedStepIsNotRetried proves that what the Dockerfile does wrong is done once.
func TestFailedStepIsNotRetried(t *testing.T) {
	solves := 0
	daemon := (&fakeDaemon{solve: func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		solves++
		return nil, errors.New("exit code: 1")
	}}).start(t, nil)
	r := &told{}
	_, _, err := r.persistent(newRequest(t), func(context.Context, *LostError) (*Daemon, error) { panic("connected again") }).
		Run(t.Context(), daemon.mustConnect(t))
	var failed *BuildError
	if !errors.As(err, &failed) || solves != 1 || len(r.lost) > 0 {
		t.Errorf("%d solves: %v", solves, err)
	}
}
