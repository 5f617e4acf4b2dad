package cluster

import (
	"context"
	"errors"
)

// Cause is why a member is not what it was.
type Cause string

// The causes that Explain tells apart.
const (
	CauseOOMKilled   Cause = "OOMKilled"
	CauseEvicted     Cause = "Evicted"
	CauseExited      Cause = "Exited"
	CauseNodeLost    Cause = "NodeLost"
	CauseDeleted     Cause = "Deleted"
	CauseReplaced    Cause = "Replaced"
	CauseTerminating Cause = "Terminating"
	// CauseNone: the member runs and is ready, so the loss came from between.
	CauseNone Cause = "None"
)

// Diagnosis is what the cluster knows about a member that was lost.
type Diagnosis struct {
	Cause Cause
	// Message is one sentence for a person, with the limit, the exit code or the node.
	Message string
	// Logs are the last lines of the daemon that ended, when they can be read.
	Logs []string
}

// Explain asks the cluster what happened to the member.
func (c *Client) Explain(ctx context.Context, member Member) (Diagnosis, error) {
	return Diagnosis{}, errors.New("not implemented")
}
