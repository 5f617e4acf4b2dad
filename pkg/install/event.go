package install

// EventKind tells the steps of a start apart.
type EventKind string

// The steps of a start, in the order in which they usually come.
const (
	EventApplied   EventKind = "applied"
	EventDraining  EventKind = "draining"
	EventScaling   EventKind = "scaling"
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
