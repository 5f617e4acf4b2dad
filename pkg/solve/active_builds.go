package solve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// The limits of a list of active builds. Other users of the daemon write the attributes, and a
// daemon may be anything: neither may exhaust this client's memory or time.
const (
	activeTimeout = 10 * time.Second
	maxActive     = 10_000  // records
	maxActiveText = 1 << 24 // bytes of all references and attributes
	maxAttribute  = 1 << 12 // bytes of a key with its value
	maxAttributes = 1 << 16 // bytes of all attributes of a build
)

// ActiveBuild is a build that the daemon runs, or that waits there to run: its ticket and its claim
// in the queue are not builds of their own. Any client may have sent it.
type ActiveBuild struct {
	// Ref is its reference, which its client chose.
	Ref string
	// Created is the time of its start, by the daemon's clock.
	Created time.Time
	// Attributes are those of its outer solve. An attribute of more than 4 KiB is left out, and so
	// are all attributes of a build that has more than 64 KiB of them.
	Attributes map[string]string
}

// ActiveBuilds returns the builds that are active at this moment, in no order. It takes one round
// trip. It returns a *LostError for a daemon that does not end its list within ten seconds, and an
// error without a type for a list that is too long.
func (d *Daemon) ActiveBuilds(ctx context.Context) ([]ActiveBuild, error) {
	return d.activeBuilds(ctx, activeTimeout)
}

func (d *Daemon) activeBuilds(ctx context.Context, within time.Duration) ([]ActiveBuild, error) {
	records, err := d.activeRecords(ctx, within)
	if err != nil {
		return nil, err
	}
	var builds []ActiveBuild
	for _, build := range queue.Group(records) {
		builds = append(builds, ActiveBuild{Ref: build.Ref, Created: build.Begun, Attributes: build.Attributes})
	}
	return builds, nil
}

// records returns the records that are active: builds, tickets and claims.
func (d *Daemon) records(ctx context.Context) ([]queue.Record, error) {
	return d.activeRecords(ctx, activeTimeout)
}

func (d *Daemon) activeRecords(ctx context.Context, within time.Duration) ([]queue.Record, error) {
	listing, stop := context.WithCancel(ctx) // not with a deadline, which gRPC would pass to the daemon
	defer stop()                             // it ends a list that is not read to its end
	defer time.AfterFunc(within, stop).Stop()
	records, err := d.readActive(listing)
	if err != nil && listing.Err() != nil && ctx.Err() == nil {
		return nil, &LostError{Cause: &SilentError{For: within, LinkWorks: d.silentError().LinkWorks}}
	}
	return records, d.callError(ctx, err)
}

func (d *Daemon) readActive(ctx context.Context) ([]queue.Record, error) {
	events, err := d.client.ControlClient().ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true, EarlyExit: true})
	if err != nil {
		return nil, err
	}
	var all []queue.Record
	for text, records := 0, 0; ; records++ {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		record := event.Record
		if record == nil || event.Type != controlapi.BuildHistoryEventType_STARTED || record.CompletedAt != nil {
			record = &controlapi.BuildHistoryRecord{}
		}
		attributes, size := boundedAttributes(record.FrontendAttrs)
		text += size + len(record.Ref)
		if records >= maxActive || text > maxActiveText {
			return nil, fmt.Errorf("listing the active builds: the builder reports more than %d builds, or more than %d MiB of them",
				maxActive, maxActiveText>>20)
		}
		if record.Ref != "" {
			all = append(all, queue.Record{Ref: record.Ref, Created: record.CreatedAt.AsTime(), Attributes: attributes})
		}
	}
}

// boundedAttributes returns the attributes within the limits, and their size in bytes.
func boundedAttributes(attributes map[string]string) (within map[string]string, size int) {
	within = maps.Clone(attributes)
	maps.DeleteFunc(within, func(key, value string) bool { return len(key)+len(value) > maxAttribute })
	for key, value := range within {
		size += len(key) + len(value)
	}
	if size > maxAttributes {
		return nil, 0
	}
	return within, size
}

// listenAgain is the pause after a stream of events that has ended.
const listenAgain = time.Second

// changes sends on the channel after builds have begun or ended. A stream that breaks is opened
// again; the caller also looks without it from time to time.
func (d *Daemon) changes(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		for {
			d.listen(ctx, changed)
			if !pause(ctx, listenAgain) {
				return
			}
		}
	}()
	return changed
}

// listen listens until the stream ends.
func (d *Daemon) listen(ctx context.Context, changed chan<- struct{}) {
	events, err := d.client.ControlClient().ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true})
	for err == nil {
		if _, err = events.Recv(); err != nil {
			break
		}
		select {
		case changed <- struct{}{}:
		default: // the caller has not looked since the last one
		}
	}
}
