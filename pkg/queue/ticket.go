package queue

import (
	"strconv"
	"strings"
	"time"
)

// Prefix begins the names of the attributes of tickets and claims.
const Prefix = "kubectl-buildkit."

// The names of the attributes. The frontend never receives them, and no provenance has them: they
// belong to records without steps.
const (
	attributeUser    = Prefix + "user"
	attributeBuild   = Prefix + "build"
	attributeState   = Prefix + "state"
	attributeResumes = Prefix + "resumes"
	attributeQueued  = Prefix + "queued"
	attributeName    = Prefix + "name"
	attributeRound   = Prefix + "round"
)

// State is what the record of a client stands for.
type State string

// The states.
const (
	// Waiting is that of a ticket.
	Waiting State = "waiting"
	// Claimed is that of a claim: the build runs, or is about to.
	Claimed State = "claimed"
	// Resumed is that of the claim of a build that ran on this daemon before, until its client lost
	// the connection. It does not wait again.
	Resumed State = "resumed"
)

// Ticket is what the client of a build says about it in the attributes of a record.
type Ticket struct {
	State State
	// User is whose build it is. It is not authenticated.
	User string
	// Build is the reference of the build, which has a record of its own while it runs.
	Build string
	// Name is what is built, e.g. the names of the images; may be empty.
	Name string
	// Resumes is the reference that the build had before its client lost the connection; empty if
	// it did not.
	Resumes string
	// Queued is when the build has queued first, by the clock of the daemon that it queued on; zero
	// if the record itself is the first.
	Queued time.Time
	// Round is the turn of its user that the build takes, as Round has returned it when it queued.
	Round int
}

// Bounds of the texts, in bytes, and of the round. A longer text is cut off.
const (
	maxUser  = 64
	maxName  = 512
	maxRef   = 128
	maxRound = 1_000_000
)

// Attributes returns the attributes that say so.
func (t Ticket) Attributes() map[string]string {
	attributes := map[string]string{
		attributeState: string(t.State), attributeUser: bounded(t.User, maxUser), attributeBuild: bounded(t.Build, maxRef),
	}
	if t.Name != "" {
		attributes[attributeName] = bounded(t.Name, maxName)
	}
	if t.Resumes != "" {
		attributes[attributeResumes] = bounded(t.Resumes, maxRef)
	}
	if !t.Queued.IsZero() {
		attributes[attributeQueued] = t.Queued.UTC().Format(time.RFC3339Nano)
	}
	if t.Round > 0 {
		attributes[attributeRound] = strconv.Itoa(min(t.Round, maxRound))
	}
	return attributes
}

// Parse returns the ticket that the attributes of a record are; ok is false for a record that is
// neither a ticket nor a claim. The texts are what any user of the daemon has written.
func Parse(attributes map[string]string) (t Ticket, ok bool) {
	t = Ticket{
		State: State(attributes[attributeState]), User: bounded(attributes[attributeUser], maxUser), Build: bounded(attributes[attributeBuild], maxRef),
		Name: bounded(attributes[attributeName], maxName), Resumes: bounded(attributes[attributeResumes], maxRef),
	}
	switch t.State {
	case Waiting, Claimed, Resumed:
	default:
		return Ticket{}, false
	}
	if t.Build == "" {
		return Ticket{}, false
	}
	if queued, err := time.Parse(time.RFC3339Nano, attributes[attributeQueued]); err == nil {
		t.Queued = queued
	}
	if round, err := strconv.Atoi(attributes[attributeRound]); err == nil {
		t.Round = min(max(round, 0), maxRound)
	}
	return t, true
}

func bounded(text string, limit int) string {
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}
