package report

import "time"

// State is how a build ended.
type State string

// The states of a build.
const (
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Canceled  State = "canceled"
	Running   State = "running" // not ended yet
)

// Build is the content of a page. Its times are milliseconds since its start.
type Build struct {
	Title    string    `json:"title"`
	State    State     `json:"state"`
	Started  time.Time `json:"started"`
	Duration int64     `json:"duration"` // milliseconds
	Facts    []Fact    `json:"facts"`
	Failure  *Failure  `json:"failure,omitempty"`
	Warnings []Warning `json:"warnings"`
	Steps    []Step    `json:"steps"` // in the order in which they began, then those that did not begin
	Path     []Segment `json:"path"`  // the critical path, from the first step to the last
	Totals   Totals    `json:"totals"`
}

// Fact is a property of the build, one line of the page.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Totals are the sums over all steps.
type Totals struct {
	Steps    int   `json:"steps"`
	Cached   int   `json:"cached"`
	Executed int   `json:"executed"` // began, and were not cached
	Busy     int64 `json:"busy"`     // milliseconds of all steps, those at the same time counted each
	Critical int64 `json:"critical"` // milliseconds of the critical path
	Sent     int64 `json:"sent"`     // bytes of contexts and Dockerfiles
	Pulled   int64 `json:"pulled"`   // bytes of layers
	Returned int64 `json:"returned"` // bytes of results that came back to the client
}

// Step is one step of the build, a vertex in BuildKit's terms.
type Step struct {
	Name   string `json:"name"`
	Group  string `json:"group,omitempty"` // what the name has in brackets, e.g. "build 2/5"
	Digest string `json:"digest"`
	Spans  []Span `json:"spans"` // the times at which it ran; empty if it did not begin
	Cached bool   `json:"cached,omitempty"`
	Error  string `json:"error,omitempty"`
	// Canceled reports whether the step was ended by the failure of another step or by the user.
	Canceled bool `json:"canceled,omitempty"`
	// Unfinished reports that the end was not recorded.
	Unfinished bool       `json:"unfinished,omitempty"`
	Inputs     []int      `json:"inputs,omitempty"`   // indices of the steps it needs
	Critical   int64      `json:"critical,omitempty"` // milliseconds of it on the critical path
	OnPath     bool       `json:"onPath,omitempty"`
	Transfers  []Transfer `json:"transfers,omitempty"`
	Log        string     `json:"log,omitempty"`
	LogLost    int        `json:"logLost,omitempty"` // bytes of the log that are left out of its middle
}

// Span is a period of time.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Segment is a part of the critical path.
type Segment struct {
	Step int `json:"step"`
	Span
}

// Direction is the direction of a transfer.
type Direction string

// The directions, seen from the builder. Other is not a transfer of bytes, e.g. the
// unpacking of a layer.
const (
	Sent     Direction = "sent"     // from the client
	Pulled   Direction = "pulled"   // from a registry
	Returned Direction = "returned" // to the client
	Other    Direction = "other"
)

// Transfer is a part of a step whose progress BuildKit reports.
type Transfer struct {
	Name      string    `json:"name"`
	Direction Direction `json:"direction"`
	Bytes     int64     `json:"bytes"`
	Span
}

// Warning is a warning of the daemon, e.g. of a rule that the Dockerfile violates.
type Warning struct {
	Text   string   `json:"text"`
	Detail []string `json:"detail,omitempty"`
	URL    string   `json:"url,omitempty"`
	Source *Source  `json:"source,omitempty"`
}

// Failure is why the result is missing.
type Failure struct {
	Message string   `json:"message"`
	Step    int      `json:"step"` // index of the step that failed, -1 if none did
	Sources []Source `json:"sources"`
}

// Source is a piece of a Dockerfile.
type Source struct {
	File  string `json:"file"`
	Lines []Line `json:"lines"`
}

// Line is a line of a Dockerfile.
type Line struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
	Marked bool   `json:"marked,omitempty"` // the error or the warning is about this line
}

// Title returns the step's name in BuildKit.
func (s Step) Title() string {
	if s.Group == "" {
		return s.Name
	}
	return "[" + s.Group + "] " + s.Name
}

// failedStep returns the index of the step that failed the build: the one that its error is about,
// else the first one that failed; -1 if none did.
func (b Build) failedStep() int {
	if b.State == Canceled || b.State == Succeeded {
		return -1
	}
	if b.Failure != nil && b.Failure.Step >= 0 {
		b.Steps[b.Failure.Step].Canceled = false
		return b.Failure.Step
	}
	failed, first := -1, int64(0)
	for i, step := range b.Steps {
		if step.Error == "" || step.Canceled || len(step.Spans) == 0 {
			continue
		}
		if ended := step.Spans[len(step.Spans)-1].To; failed < 0 || ended < first {
			failed, first = i, ended
		}
	}
	return failed
}

// StateOfSteps returns the state of the build according to its steps.
func (b Build) StateOfSteps() State {
	state := Succeeded
	for _, step := range b.Steps {
		switch {
		case step.Error != "" && !step.Canceled:
			return Failed
		case step.Error != "":
			state = Canceled
		case step.Unfinished && state == Succeeded:
			state = Running
		}
	}
	return state
}
