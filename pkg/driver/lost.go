package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// LostError is returned for a builder that was lost in the middle of a call.
type LostError struct {
	Member    cluster.Member
	Diagnosis cluster.Diagnosis // its cause is empty if the cluster could not be asked
	Lost      *solve.LostError
	After     error // why the builder was not found again; nil if that was not tried
}

func (e *LostError) Error() string {
	var text string
	switch e.Diagnosis.Cause {
	case "":
		text = fmt.Sprintf("the connection to builder %q was lost: %v", e.Member.Builder, causeOf(e.Lost))
	case cluster.CauseNone:
		text = fmt.Sprintf("the connection to builder %q was lost, though %s: %v", e.Member.Builder, e.Diagnosis.Message, causeOf(e.Lost))
	default:
		text = fmt.Sprintf("builder %q was lost: %s", e.Member.Builder, e.Diagnosis.Message)
	}
	switch {
	case e.After != nil:
		text += fmt.Sprintf("; it did not come back: %v", e.After)
	case e.Lost.Final != "":
		text += "; the build was not sent again: " + e.Lost.Final
	}
	return text
}

func (e *LostError) Unwrap() error { return e.Lost }

// Class returns fault.Denied where the user may not reach the builder any more, else that of the
// loss.
func (e *LostError) Class() fault.Class {
	if !e.Diagnosis.Over && fault.Of(e.After) == fault.Denied {
		return fault.Denied
	}
	return fault.Or(e.Lost, fault.Unavailable)
}

// causeOf returns why the connection was lost, without repeating that it was.
func causeOf(lost *solve.LostError) string {
	var connection *tunnel.LostError
	if errors.As(lost, &connection) {
		return connection.Reason
	}
	return lost.Cause.Error()
}

// diagnose asks the cluster what happened, if err is the loss of the builder, and returns a
// *LostError, or a *tunnel.ConnRefusedError where the Pod runs and its daemon does not listen; any
// other error is returned as it is.
func (d *Driver) diagnose(ctx context.Context, member cluster.Member, err error) error {
	var lost *solve.LostError
	var diagnosed *LostError
	if command := (*tunnel.CommandNotFoundError)(nil); errors.As(err, &command) {
		return command
	}
	if !errors.As(err, &lost) || errors.As(err, &diagnosed) || ctx.Err() != nil {
		return err
	}
	diagnosed = &LostError{Member: member, Lost: lost}
	asking, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	if c, clientErr := d.Cluster(); clientErr == nil {
		// A cluster that does not answer leaves the cause unknown.
		diagnosed.Diagnosis, _ = c.Explain(asking, member)
	}
	var refused *tunnel.ConnRefusedError
	if diagnosed.Diagnosis.Cause == cluster.CauseNone && errors.As(err, &refused) {
		return refused // there never was a connection
	}
	return diagnosed
}
