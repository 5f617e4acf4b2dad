package solve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// Info is the properties that a daemon reports.
type Info struct {
	Version  string // e.g. "v0.34.2"
	Revision string
	Workers  []Worker
	Cache    Cache
}

// Platforms lists what the workers can build for, without repetitions, the native ones first.
func (i *Info) Platforms() []string {
	list := []string{}
	for _, worker := range i.Workers {
		for _, platform := range worker.Platforms {
			if text := platforms.Format(platform); !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	return list
}

// Worker runs steps.
type Worker struct {
	ID        string
	Labels    map[string]string
	Platforms []ocispecs.Platform // the first is its own, the others are emulated
	GC        []GCRule
}

// GCRule is a rule of the cache's garbage collection. Zero is unlimited.
type GCRule struct {
	All           bool     // internal records too
	Filters       []string // the records that it applies to; all if empty
	KeepSeconds   int64    // how long an unused record is kept
	ReservedBytes int64    // bytes that are never collected
	MaxUsedBytes  int64    // bytes that the cache may use
	MinFreeBytes  int64    // bytes that are kept free on the disk
}

// Cache is the size of the daemon's cache.
type Cache struct {
	Records    int
	TotalBytes int64
	InUseBytes int64
}

// Version returns the daemon's version. Success means that the daemon works.
func (d *Daemon) Version(ctx context.Context) (string, error) {
	info, err := d.client.Info(ctx)
	if err != nil {
		return "", d.callError(ctx, err)
	}
	return info.BuildkitVersion.Version, nil
}

// Info returns the daemon's properties, which it requests concurrently.
func (d *Daemon) Info(ctx context.Context) (*Info, error) {
	info := &Info{}
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() error {
		got, err := d.client.Info(asking)
		if err == nil {
			info.Version, info.Revision = got.BuildkitVersion.Version, got.BuildkitVersion.Revision
		}
		return err
	})
	group.Go(func() error {
		got, err := d.client.ListWorkers(asking)
		for _, worker := range got {
			info.Workers = append(info.Workers, newWorker(worker))
		}
		return err
	})
	group.Go(func() error {
		got, err := d.client.DiskUsage(asking)
		for _, record := range got {
			info.Cache.add(record)
		}
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, d.callError(ctx, err)
	}
	return info, nil
}

func newWorker(from *client.WorkerInfo) Worker {
	worker := Worker{ID: from.ID, Labels: from.Labels, Platforms: from.Platforms}
	for _, rule := range from.GCPolicy {
		worker.GC = append(worker.GC, GCRule{
			All:           rule.All,
			Filters:       rule.Filter,
			KeepSeconds:   int64(rule.KeepDuration.Seconds()),
			ReservedBytes: rule.ReservedSpace,
			MaxUsedBytes:  rule.MaxUsedSpace,
			MinFreeBytes:  rule.MinFreeSpace,
		})
	}
	return worker
}

func (c *Cache) add(record *client.UsageInfo) {
	c.Records++
	c.TotalBytes += record.Size
	if record.InUse {
		c.InUseBytes += record.Size
	}
}

// Platforms returns the platforms that the daemon's workers run, its own first, normalized as by
// package platforms.
func (d *Daemon) Platforms(ctx context.Context) ([]string, error) {
	workers, err := d.client.ListWorkers(ctx)
	if err != nil {
		return nil, d.callError(ctx, err)
	}
	var names []string
	for _, worker := range workers {
		for _, platform := range worker.Platforms {
			names = append(names, platforms.FormatAll(platforms.Normalize(platform)))
		}
	}
	return names, nil
}

// proxyNetworkMinor is the first minor version of BuildKit 0 that supports a proxy
// network: v0.31.
const proxyNetworkMinor = 31

// checkProxyNetwork returns an *UnsupportedError if the daemon is too old: it would
// ignore the setting and let the steps reach every network. A version that is not
// that of a release counts as a newer one.
func (d *Daemon) checkProxyNetwork(ctx context.Context) error {
	version, err := d.Version(ctx)
	if err != nil {
		return err
	}
	if minor, isRelease := minorOf(version); isRelease && minor < proxyNetworkMinor {
		return &UnsupportedError{Cause: errors.New("--proxy-network needs BuildKit v0." + fmt.Sprint(proxyNetworkMinor) + ", the builder has " + version)}
	}
	return nil
}

// minorOf parses v0.MINOR.PATCH.
func minorOf(version string) (minor int, isRelease bool) {
	rest, found := strings.CutPrefix(version, "v0.")
	digits, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.Atoi(digits)
	return minor, found && err == nil
}
