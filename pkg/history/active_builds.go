package history

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/queue"
)

// activeTime is how long a daemon may take to list its active builds. An old one does not end the
// list.
const activeTime = 5 * time.Second

// Active are the builds of a daemon at one moment. Every text is that of other clients.
type Active struct {
	Running []ActiveBuild // the oldest first
	Waiting []ActiveBuild // in their order
}

// ActiveBuild is a build that runs or waits.
type ActiveBuild struct {
	Ref  string
	Name string // as that of a Record
	User string // as its client said; empty if the builder has no limit
	// Since is when it has begun or, of one that waits, queued, by the daemon's clock; For is the
	// time since then.
	Since time.Time
	For   time.Duration
}

// ListActive returns the builds that are active, each once, in one round trip. The error is that of
// the daemon, or says that it has not listed them within five seconds.
func ListActive(ctx context.Context, c *client.Client) (Active, error) {
	return listActive(ctx, c, activeTime)
}

func listActive(ctx context.Context, c *client.Client, within time.Duration) (Active, error) {
	limited, cancel := cancelAfter(ctx, within, fmt.Errorf("the builder did not list its builds within %s", within))
	defer cancel()
	entries, now, err := read(limited, c, &controlapi.BuildHistoryRequest{ActiveOnly: true, EarlyExit: true})
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = context.Cause(limited)
		}
		return Active{}, err
	}
	var records []queue.Record
	for _, entry := range entries {
		if entry.CompletedAt == nil {
			records = append(records, queue.Record{Ref: entry.Ref, Created: entry.CreatedAt.AsTime(), Attributes: entry.FrontendAttrs})
		}
	}
	line, active := queue.NewLine(records, 0, nil), Active{}
	add := func(list *[]ActiveBuild, build queue.Build, since time.Time) {
		name := build.Name
		if own := entries[build.Ref]; own != nil {
			name = cmp.Or(nameOf(own), name)
		}
		*list = append(*list, ActiveBuild{Ref: build.Ref, Name: name, User: build.User, Since: since, For: max(0, now.Sub(since))})
	}
	for _, build := range line.Running() {
		add(&active.Running, build, build.Begun)
	}
	for _, build := range line.Waiting() {
		add(&active.Waiting, build, build.Since)
	}
	mask(reflect.ValueOf(&active))
	return active, nil
}
