package solve

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
)

// Pruning selects the records to remove. Records that a build uses are never removed.
type Pruning struct {
	// All includes internal records and those of frontends, and bytes shared with images.
	All bool
	// Filters select the records that match any of them, in the daemon's syntax; empty selects all.
	Filters []string
	// UnusedFor keeps records that were used within that time.
	UnusedFor time.Duration
	// The least recently used records are removed first, until at most MaxUsedBytes are used and
	// MinFreeBytes are free on the disk; ReservedBytes are always kept. If all three are zero,
	// everything is removed.
	ReservedBytes, MaxUsedBytes, MinFreeBytes int64
}

// Prune removes records that no build uses, and returns them. After an error, some may have been
// removed. It returns an *UnsupportedError, and removes nothing, if the daemon does not support the
// limits: it would remove everything.
func (d *Daemon) Prune(ctx context.Context, what Pruning) ([]*client.UsageInfo, error) {
	if what.MaxUsedBytes != 0 || what.MinFreeBytes != 0 {
		if err := d.checkPruneLimits(ctx); err != nil {
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

// checkPruneLimits runs an empty build, since a daemon reports its capabilities only to a build.
func (d *Daemon) checkPruneLimits(ctx context.Context) error {
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

// CacheRecords returns the daemon's cache records that match any of the filters, in the daemon's
// syntax; all records if there are no filters.
func (d *Daemon) CacheRecords(ctx context.Context, filters []string) ([]*client.UsageInfo, error) {
	records, err := d.client.DiskUsage(ctx, client.WithFilter(filters))
	return records, d.callError(ctx, err)
}
