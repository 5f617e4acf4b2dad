package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// lostError says what became of a builder that was lost in the middle of a call.
type lostError struct {
	member    cluster.Member
	diagnosis cluster.Diagnosis // its cause is empty if the cluster could not be asked
	lost      *solve.LostError
	after     error // why the builder was not found again; nil if it was not sought
}

func (e *lostError) Error() string {
	var text string
	switch e.diagnosis.Cause {
	case "":
		text = fmt.Sprintf("the link to builder %q was lost: %v", e.member.Builder, causeOf(e.lost))
	case cluster.CauseNone:
		text = fmt.Sprintf("the link to builder %q was lost, though %s: %v", e.member.Builder, e.diagnosis.Message, causeOf(e.lost))
	default:
		text = fmt.Sprintf("builder %q was lost: %s", e.member.Builder, e.diagnosis.Message)
	}
	switch {
	case e.after != nil:
		text += fmt.Sprintf("; it did not come back: %v", e.after)
	case e.lost.Final != "":
		text += "; the build was not sent again: " + e.lost.Final
	}
	return text
}

func (e *lostError) Unwrap() error { return e.lost }

// explainLoss asks the cluster what happened, if err is the loss of the builder; any other error is left as it is.
func (f *factory) explainLoss(ctx context.Context, b *connected, err error) error {
	var lost *solve.LostError
	var told *lostError
	if command := (*tunnel.CommandNotFoundError)(nil); errors.As(err, &command) {
		return command
	}
	if !errors.As(err, &lost) || errors.As(err, &told) || ctx.Err() != nil {
		return err
	}
	told = &lostError{member: b.member, lost: lost}
	asking, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	if c, clientErr := f.cluster(); clientErr == nil {
		// A cluster that does not answer leaves the cause unknown.
		told.diagnosis, _ = c.Explain(asking, b.member)
	}
	return told
}

func explainLost(e *lostError) failure {
	text := e.Error()
	if len(e.diagnosis.Logs) > 0 {
		text += "\n  the daemon's last lines:\n    " + strings.Join(e.diagnosis.Logs, "\n    ")
	}
	if denied, ok := explainPermission(e.after); ok && !e.diagnosis.Over {
		return failure{text: text, next: denied.next, code: denied.code}
	}
	return failure{text: text, next: e.next(), code: exitNoBuilder}
}

// next is what removes the cause of the loss.
func (e *lostError) next() string {
	again := fmt.Sprintf("kubectl buildkit install %s -n %s", e.member.Builder, e.member.Namespace)
	switch e.diagnosis.Cause {
	case cluster.CauseOOMKilled, cluster.CauseDeleted, cluster.CauseEvicted, cluster.CauseNodeLost:
		if e.member.Adopted {
			return fmt.Sprintf("see to Pod %s, which is not of this plugin's making, then build again", e.member.Pod)
		}
	}
	switch e.diagnosis.Cause {
	case cluster.CauseOOMKilled:
		return again + ", with a higher --limit memory=…"
	case cluster.CauseDeleted, cluster.CauseEvicted:
		return again + ", then build again"
	case cluster.CauseNodeLost:
		return elsewhere(e.member.Builder, e.member.Namespace) + "; then build again"
	case cluster.CauseExited:
		return fmt.Sprintf("kubectl logs %s -n %s --previous", e.member.Pod, e.member.Namespace)
	}
	return "build again: finished steps are in the cache"
}
