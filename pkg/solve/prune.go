package solve

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
)

// Pruning says which records go. No build's own records ever do.
type Pruning struct {
	// All includes internal records and those of frontends, and bytes shared with images.
	All bool
	// Filters are alternatives, in the daemon's words; none is all.
	Filters []string
	// UnusedFor spares what was used since.
	UnusedFor time.Duration
	// What is unused longest goes first, until at most MaxUsedBytes are used and MinFreeBytes are free on the disk;
	// ReservedBytes stay in any case. With all three zero, everything goes.
	ReservedBytes, MaxUsedBytes, MinFreeBytes int64
}

// Prune removes records that no build uses, and returns them. When it fails, some may have been removed all the same.
// A daemon that would not understand the limits is not asked: it would remove everything.
func (d *Daemon) Prune(ctx context.Context, what Pruning) ([]*client.UsageInfo, error) {
	if what.MaxUsedBytes != 0 || what.MinFreeBytes != 0 {
		if err := d.knowsLimits(ctx); err != nil {
			return nil, err
		}
	}
	options := []client.PruneOption{
		client.WithFilter(what.Filters),
		client.WithKeepOpt(what.UnusedFor, what.ReservedBytes, what.MaxUsedBytes, what.MinFreeBytes),
	}
	if what.All {
		options = append(options, client.PruneAll)
	}
	var removed []*client.UsageInfo
	removals, collected := make(chan client.UsageInfo), make(chan struct{})
	go func() {
		defer close(collected)
		for record := range removals {
			removed = append(removed, &record)
		}
	}()
	err := d.client.Prune(ctx, removals, options...)
	close(removals)
	<-collected
	return removed, d.callError(ctx, err)
}

// knowsLimits asks through an empty build, which is the only way to a daemon's capabilities.
func (d *Daemon) knowsLimits(ctx context.Context) error {
	var unknown error
	asking := client.SolveOpt{Internal: true}
	if err := d.newSession(ctx, &asking); err != nil {
		return err
	}
	_, err := d.client.Build(ctx, asking, "", func(_ context.Context, c gateway.Client) (*gateway.Result, error) {
		caps := c.BuildOpts().LLBCaps
		unknown = caps.Supports(pb.CapGCFreeSpaceFilter)
		return gateway.NewResult(), nil
	}, nil)
	if err != nil {
		return d.callError(ctx, err)
	}
	if unknown != nil {
		return &UnsupportedError{Cause: fmt.Errorf("limits for used and free space need v0.17: %w", unknown)}
	}
	return nil
}
