package driver

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// Measured are the numbers of the builds of one builder or several.
type Measured struct {
	Builds  []stats.Build
	Unread  []Unread
	Members int // that answered
}

// Unread is a build whose steps are not counted, and the Pod that has its record.
type Unread struct {
	history.Unread
	Member string
}

// Measure asks all members of a builder at once for the numbers of their builds, as history.Measure
// does. Where some members do not answer, the numbers of the others come with a *NoAnswerError; any
// other error is one of AskMembers.
func (d *Driver) Measure(ctx context.Context, o ConnectOptions, filters history.Filters, since time.Duration) (Measured, error) {
	answers, err := AskMembers(ctx, d, o, func(ctx context.Context, c *Connection) (found history.Measured, err error) {
		return found, c.Daemon.Call(ctx, func(asked *client.Client) error {
			found, err = history.Measure(ctx, asked, filters, since)
			return err
		})
	})
	sum := Measured{Members: len(answers)}
	for _, each := range answers {
		for _, build := range each.Value.Builds {
			build.Builder, build.Member = each.Member.Builder, each.Member.Pod
			sum.Builds = append(sum.Builds, build)
		}
		for _, unread := range each.Value.Unread {
			sum.Unread = append(sum.Unread, Unread{unread, each.Member.Pod})
		}
	}
	return sum, err
}

// MeasureAll is Measure for all builders of the namespace at once, instead of the one of o. The
// error is that of the cluster, or those of the builders, joined.
func (d *Driver) MeasureAll(ctx context.Context, o ConnectOptions, filters history.Filters, since time.Duration) (Measured, error) {
	c, err := d.Cluster()
	if err != nil {
		return Measured{}, err
	}
	builders, err := c.List(ctx, false)
	if err != nil {
		return Measured{}, err
	}
	found, errs := make([]Measured, len(builders)), make([]error, len(builders))
	var all sync.WaitGroup
	for i, each := range builders {
		of := o
		of.Builder = each.Name
		all.Go(func() { found[i], errs[i] = d.Measure(ctx, of, filters, since) })
	}
	all.Wait()
	sum := Measured{}
	for _, each := range found {
		sum.Builds, sum.Unread = append(sum.Builds, each.Builds...), append(sum.Unread, each.Unread...)
		sum.Members += each.Members
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return sum, errs[0]
	}
	return sum, errors.Join(errs...)
}
