package solve

import (
	"context"

	"github.com/moby/buildkit/client"
)

// CacheRecords asks what the daemon keeps. The filters are alternatives, in the daemon's words; none is all.
func (d *Daemon) CacheRecords(ctx context.Context, filters []string) ([]*client.UsageInfo, error) {
	records, err := d.client.DiskUsage(ctx, client.WithFilter(filters))
	return records, d.callError(ctx, err)
}
