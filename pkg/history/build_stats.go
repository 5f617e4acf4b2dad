package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// What Measure reads of one daemon at most. A status has every log of its build.
const (
	maxMeasured = 1000     // builds
	maxStatuses = 32 << 20 // bytes of all statuses
	minStep     = 256      // bytes that a step counts for at least
	atOnce      = 8        // statuses
	maxStepName = 200      // characters
	measureTime = 10 * time.Second
)

// Measured are the numbers of a daemon's builds, without the builder's and the member's name.
type Measured struct {
	Builds []stats.Build // the newest first
	Unread []Unread
}

// Unread is a build whose steps are not counted, and why.
type Unread struct {
	Ref    string
	Reason string
}

// Measure returns the numbers of the builds that match all filters and were created less than since
// ago, by the daemon's clock; 0 is all of them. The steps of a build are not counted if its status
// cannot be read, or if that would be too much. The error is that of listing the builds.
func Measure(ctx context.Context, c *client.Client, filters Filters, since time.Duration) (Measured, error) {
	return measureWithin(ctx, c, filters, since, measureTime)
}

func measureWithin(ctx context.Context, c *client.Client, filters Filters, since, within time.Duration) (Measured, error) {
	records, err := listen(ctx, c, &controlapi.BuildHistoryRequest{EarlyExit: true}, filters, since)
	if err != nil {
		return Measured{}, err
	}
	m := &meter{client: c}
	m.room.Store(maxStatuses)
	measured := Measured{Builds: make([]stats.Build, len(records))}
	errs := make([]error, len(records))
	limited, cancel := cancelAfter(ctx, within, fmt.Errorf("the builder did not send it within %s", within))
	defer cancel()
	slots, planned := make(chan struct{}, atOnce), int64(0)
	var all sync.WaitGroup
	for i, record := range records {
		measured.Builds[i] = numbersOf(record)
		if record.entry.Logs == nil {
			continue
		}
		size := max(record.entry.Logs.GetSize(), 0)
		if i >= maxMeasured || size > maxStatuses-planned {
			errs[i] = fmt.Errorf("at most %d builds and %d bytes of their logs are read, the newest first", maxMeasured, maxStatuses)
			continue
		}
		planned += size
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if errs[i] = m.measure(limited, record, &measured.Builds[i]); errs[i] != nil && limited.Err() != nil {
				errs[i] = context.Cause(limited)
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			measured.Unread = append(measured.Unread, Unread{Ref: records[i].Ref, Reason: err.Error()})
		}
	}
	return measured, ctx.Err()
}

// meter reads the statuses of one daemon's builds.
type meter struct {
	client *client.Client
	room   atomic.Int64 // bytes that may still be read
}

// numbersOf returns what a record alone has.
func numbersOf(record Record) stats.Build {
	attributes := record.entry.FrontendAttrs
	build := stats.Build{
		Ref: record.Ref, User: escape.MaskCredentials(record.User), Context: escape.MaskCredentials(contextOf(attributes)),
		Duration: record.Duration, Steps: record.Total, Cached: record.Cached, Queued: record.Waited > 0, Wait: record.Waited,
	}
	switch record.Status {
	case Running:
		build.State = stats.Running
	case Waiting:
		build.State = stats.Waiting
	case Completed:
		build.State = stats.Succeeded
	case Canceled:
		build.State = stats.Canceled
	default:
		build.State = stats.Failed
	}
	return build
}

// measure adds what the status of a build has: the steps.
func (m *meter) measure(ctx context.Context, record Record, build *stats.Build) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the stream may not have been read to its end
	statuses, err := m.client.ControlClient().Status(ctx, &controlapi.StatusRequest{Ref: record.Ref})
	if err != nil {
		return err
	}
	runs := runs{known: map[runKey]int{}}
	for {
		status, err := statuses.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if m.room.Add(-int64(max(status.SizeVT(), minStep*len(status.Vertexes)))) < 0 {
			return fmt.Errorf("the builder sends more than %d bytes of status", maxStatuses)
		}
		for _, vertex := range status.Vertexes {
			runs.note(vertex)
		}
	}
	build.Ran = runs.steps(record)
	return nil
}

// cancelAfter is context.WithTimeoutCause without a deadline, which gRPC would pass on: the daemon
// could end a stream in good order just before it.
func cancelAfter(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d, func() { cancel(cause) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// runs are the times at which steps ran. A step that ran several times is reported with a different
// start each.
type runs struct {
	known map[runKey]int
	list  []run
}

type runKey struct {
	digest string
	start  int64
}

type run struct {
	name       string
	start, end time.Time
	cached     bool
}

func (r *runs) note(vertex *controlapi.Vertex) {
	if vertex.Started == nil {
		return
	}
	start := vertex.Started.AsTime()
	key := runKey{vertex.Digest, start.UnixNano()}
	at, known := r.known[key]
	if !known {
		at = len(r.list)
		r.known[key] = at
		r.list = append(r.list, run{name: vertex.Name, start: start})
	}
	r.list[at].cached = r.list[at].cached || vertex.Cached
	if vertex.Completed != nil {
		r.list[at].end = vertex.Completed.AsTime()
	}
}

// steps returns the steps that ran and ended, none longer than the build.
func (r *runs) steps(record Record) []stats.Step {
	steps := make([]stats.Step, 0, len(r.list))
	numbered := regexp.MustCompile(`^\[([^\[\]]*?) *\d+/\d+\] +`)
	for _, run := range r.list {
		if run.cached || run.end.IsZero() {
			continue
		}
		text := strings.TrimPrefix(numbered.ReplaceAllString(run.name, "[$1] "), "[] ") // a stage may have no name
		name := []rune(escape.MaskCredentials(text))
		if len(name) > maxStepName {
			name = append(name[:maxStepName-1], '…')
		}
		steps = append(steps, stats.Step{Name: string(name), Duration: min(run.end.Sub(run.start), record.Duration)})
	}
	return steps
}
