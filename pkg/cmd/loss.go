package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// lostError says what became of a builder that was lost in the middle of a call.
type lostError struct {
	member    cluster.Member
	diagnosis cluster.Diagnosis
	err       error
}

func (e *lostError) Error() string {
	if e.diagnosis.Cause == cluster.CauseNone {
		return fmt.Sprintf("the link to builder %q was lost, though %s: %v", e.member.Builder, e.diagnosis.Message, e.err)
	}
	return fmt.Sprintf("builder %q was lost: %s", e.member.Builder, e.diagnosis.Message)
}

func (e *lostError) Unwrap() error { return e.err }

// explainLoss asks the cluster what happened, if err is the loss of the builder; any other error is left as it is.
func (f *factory) explainLoss(ctx context.Context, b *connected, err error) error {
	var lost *solve.LostError
	if !errors.As(err, &lost) || ctx.Err() != nil {
		return err
	}
	c, clientErr := f.cluster()
	if clientErr != nil {
		return err
	}
	diagnosis, explainErr := c.Explain(ctx, b.member)
	if explainErr != nil {
		return errors.Join(err, explainErr)
	}
	return &lostError{member: b.member, diagnosis: diagnosis, err: err}
}

func explainLost(e *lostError) failure {
	text := e.Error()
	if len(e.diagnosis.Logs) > 0 {
		text += "\n  the daemon's last lines:\n    " + strings.Join(e.diagnosis.Logs, "\n    ")
	}
	again := fmt.Sprintf("kubectl buildkit install %s -n %s", e.member.Builder, e.member.Namespace)
	next := "build again: finished steps are in the cache"
	switch e.diagnosis.Cause {
	case cluster.CauseOOMKilled:
		next = again + " with a higher --limit memory=…"
	case cluster.CauseDeleted, cluster.CauseEvicted, cluster.CauseNodeLost:
		next = again + ", then build again"
	case cluster.CauseExited:
		next = fmt.Sprintf("kubectl logs %s -n %s --previous", e.member.Pod, e.member.Namespace)
	}
	return failure{text: text, next: next, code: exitNoBuilder}
}
