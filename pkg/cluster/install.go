package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Probe asks a member's daemon whether it answers; it is called again, a moment later, after an error.
type Probe func(ctx context.Context, member Member, connection *Connection) error

// InstallOptions say how to install.
type InstallOptions struct {
	// DryRun asks the server about every object and changes nothing.
	DryRun bool
	// Force replaces members without waiting for their running builds.
	Force bool
	// NoWait returns once the objects are applied.
	NoWait bool
	// Timeout is how long the members may take to answer; 0 means 5 minutes.
	Timeout time.Duration
	// Probe decides that a member is up; nil means its container runs.
	Probe Probe
}

// Change is what install did to an object or to the builder as a whole.
type Change string

// What install can do to an object.
const (
	Created    Change = "created"
	Configured Change = "configured"
	Unchanged  Change = "unchanged"
	Replaced   Change = "replaced"
)

// Reference names an object, e.g. Secret "buildkitd-client".
type Reference struct{ Kind, Name string }

func (r Reference) String() string { return r.Kind + "/" + r.Name }

// Outcome is what install did.
type Outcome struct {
	// Change is what happened to the members.
	Change Change
	// Renewed says that certificates were issued.
	Renewed bool
	// Objects are the objects as the server has (or, in a dry run, would have) them, in the order of applying.
	Objects []manifest.Object
	// Changes tells, object by object, what was done.
	Changes map[Reference]Change
	// Members are the builder's Pods, as they were last seen.
	Members []Member
	// Connection is what clients need.
	Connection *Connection
}

// EventKind tells the steps of a start apart.
type EventKind string

// The steps of a start, in the order in which they usually come.
const (
	EventApplied   EventKind = "applied"
	EventDraining  EventKind = "draining"
	EventScheduled EventKind = "scheduled"
	EventPulling   EventKind = "pulling"
	EventPulled    EventKind = "pulled"
	EventStarted   EventKind = "started"
	EventConnected EventKind = "connected"
	EventWarning   EventKind = "warning"
	EventRemoved   EventKind = "removed"
)

// Event is one thing that happened while a builder starts or stops.
type Event struct {
	Kind EventKind
	// Pod is the member; empty when the event is about another object.
	Pod string
	// Reason is the cluster's one word, e.g. "FailedMount"; empty for our own events.
	Reason string
	// Message is one sentence for a person.
	Message string
}

// Install makes the builder what the Spec says, and waits until every member answers.
func (c *Client) Install(ctx context.Context, spec builder.Spec, options InstallOptions, report func(Event)) (Outcome, error) {
	return Outcome{}, errors.New("not implemented")
}
