package driver

import (
	"context"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/mode"
)

// LossError is returned by Install where it would take the cache or the history of a Pod, and that
// was not confirmed.
type LossError struct{ Plan install.Plan }

func (e *LossError) Error() string {
	return "installing builder \"" + e.Plan.Name + "\" replaces or removes Pods with their cache: nothing was changed"
}

// Class returns fault.Usage.
func (*LossError) Class() fault.Class { return fault.Usage }

// Install makes the builder of that name what edit makes of its stored settings, and waits, unless
// options.NoWait is set, until every daemon has answered; install.Keep keeps them. Steps are passed
// to the driver's notify. Without options.Confirm nothing is installed that takes the cache of a
// Pod, or whose settings are not proved to be the builder's.
//
// The error is a *LossError, that of edit, of options.Confirm or of the Spec that edit returned,
// which is a *usage.Error, or a cluster error. An install that is refused before anything is
// changed returns an *install.ForeignError, *install.UnownedError, *install.StorageError or
// *kube.AdmissionError; one that does not succeed an *install.StartError, a *kube.AdmissionError or
// a *kube.ConflictError.
func (d *Driver) Install(ctx context.Context, name string, edit install.Edit, options install.Options) (install.Outcome, error) {
	c, err := d.Cluster()
	if err != nil {
		return install.Outcome{}, err
	}
	if options.Confirm == nil {
		options.Confirm = refuseLosses
	}
	options.Probe, options.Builds = d.probe, d.builds
	return mode.Install(ctx, c, name, edit, options, d.event)
}

func refuseLosses(_ context.Context, plan install.Plan) error {
	if plan.Unproven != nil {
		return plan.Unproven
	}
	if len(plan.Losses) > 0 {
		return &LossError{Plan: plan}
	}
	return nil
}

// probe asks a daemon that starts whether it answers.
func (d *Driver) probe(ctx context.Context, member cluster.Member, certificates *cluster.Connection) error {
	tunnels, err := d.dialer(d.transport)
	if err != nil {
		return err
	}
	daemon, err := d.openMember(ctx, tunnels, member, certificates)
	if err != nil {
		return err
	}
	defer func() { _ = daemon.Close() }()
	_, err = daemon.Version(ctx)
	return err
}

// builds counts the builds that are active on a member.
func (d *Driver) builds(ctx context.Context, member cluster.Member, certificates *cluster.Connection) (int, error) {
	tunnels, err := d.dialer(d.transport)
	if err != nil {
		return 0, err
	}
	daemon, err := d.openMember(ctx, tunnels, member, certificates)
	if err != nil {
		return 0, err
	}
	defer func() { _ = daemon.Close() }()
	active, err := daemon.ActiveBuilds(ctx)
	return len(active), err
}

// Uninstall removes a builder as install.Uninstall does. Steps are passed to the driver's notify.
// The error is that of options.Confirm, a *cluster.NotFoundError, an *install.ForeignError, a
// *cluster.NodeLostError for a Pod that cannot end, or a cluster error.
func (d *Driver) Uninstall(ctx context.Context, name string, options install.UninstallOptions) (install.Removal, error) {
	c, err := d.Cluster()
	if err != nil {
		return install.Removal{}, err
	}
	return family.Uninstall(ctx, c, name, options, d.event)
}

// Holdings are what a member has on its disk.
type Holdings struct {
	Known bool // false if the member did not answer in time
	// CutOff is set if no client accepts the member's certificates, so that what it holds is out of
	// reach.
	CutOff bool
	// Cache and Records are numbers of records of the cache and of the history.
	Cache, Records int
	Bytes          int64 // of the cache
}

// Holdings asks the members that an install takes what they hold, in the order of the plan's
// losses. ctx bounds the wait: what a member holds that does not answer is not known.
func (d *Driver) Holdings(ctx context.Context, plan install.Plan) []Holdings {
	held := make([]Holdings, len(plan.Losses))
	if len(held) == 0 {
		return held
	}
	c, err := d.Cluster()
	if err != nil {
		return held
	}
	_, certificates, err := c.Members(ctx, plan.Name, false)
	if err != nil {
		for n := range held {
			held[n].CutOff = Unauthenticated(err)
		}
		return held
	}
	candidates := make([]cluster.Candidate, len(held))
	for n, loss := range plan.Losses {
		candidates[n].Member = loss.Member
	}
	answers, _ := Gather(plan.Name, plan.Namespace, candidates, func(candidate cluster.Candidate) (Holdings, error) {
		found, err := askMember(ctx, d, ConnectOptions{Builder: plan.Name, Transport: d.transport}, candidate, certificates, holdings)
		if Unauthenticated(err) {
			return Holdings{CutOff: true}, nil
		}
		return found, err
	})
	for _, answer := range answers {
		for n, loss := range plan.Losses {
			if loss.Member.Pod == answer.Member.Pod {
				held[n] = answer.Value
			}
		}
	}
	return held
}

func holdings(ctx context.Context, c *Connection) (Holdings, error) {
	info, err := c.Daemon.Info(ctx)
	if err != nil {
		return Holdings{}, err
	}
	records, err := history.List(ctx, c.Daemon.Client(), nil)
	if err != nil {
		return Holdings{}, err
	}
	return Holdings{Known: true, Cache: info.Cache.Records, Bytes: info.Cache.TotalBytes, Records: len(records)}, nil
}
