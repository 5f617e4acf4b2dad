package cluster

import (
	"context"
	"errors"
	"time"
)

// UninstallOptions say how to remove.
type UninstallOptions struct {
	// Purge removes the volumes as well.
	Purge bool
	// Force stops the members without waiting for their running builds.
	Force bool
	// NoWait returns once everything is marked for removal.
	NoWait bool
	// Timeout is how long to wait for the members' end; 0 means without limit.
	Timeout time.Duration
}

// Removal is what uninstall did.
type Removal struct {
	// Removed are the objects that are gone, or going.
	Removed []Reference
	// Kept are the volumes' claims that stay.
	Kept []Reference
}

// Uninstall removes exactly what install made. All is marked for removal before it waits, so that an interrupt leaves
// nothing behind.
func (c *Client) Uninstall(ctx context.Context, name string, options UninstallOptions, report func(Event)) (Removal, error) {
	return Removal{}, errors.New("not implemented")
}
