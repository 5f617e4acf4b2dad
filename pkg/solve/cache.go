package solve

import (
	"context"

	"github.com/moby/buildkit/client"
)

// CacheRecords returns the daemon's cache records that match any of the filters, in the daemon's syntax; all records if
// there are no filters.
func (d *Daemon) CacheRecords(ctx context.Context, filters []string) ([]*client.UsageInfo, error) {
	records, err := d.client.DiskUsage(ctx, client.WithFilter(filters))
	return records, d.callError(ctx, err)
}
