// Package install puts builders into a namespace, changes and removes them: it decides what is to
// be done, tries it out, asks, writes, waits until the members answer, and takes back what failed.
//
// It reports typed facts (StartError, ForeignError …) and knows neither commands nor BuildKit:
// whether a daemon answers is asked through a function that the caller gives.
package install

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Probe asks a member's daemon whether it answers; it is called again, a moment later, after an
// error. An error with a method Permanent() bool that returns true ends the wait. A failed
// handshake is what Client.Untrusted makes of it.
type Probe func(ctx context.Context, member cluster.Member, connection *cluster.Connection) error

// Options say how to install.
type Options struct {
	// DryRun asks the server about every object and changes nothing.
	DryRun bool
	// Force replaces members without waiting for their running builds, and those whose node is
	// lost.
	Force bool
	// Rotate issues new certificates now and replaces every member by one that has them: from then
	// on the former ones are refused. Members are replaced as for any other change, each after its
	// builds, and until then accept the former certificates, which the Secrets keep.
	Rotate bool
	// ReplaceExpiring replaces members whose certificates are about to expire even if their cache
	// goes with them.
	ReplaceExpiring bool
	// NoWait returns once the objects are applied.
	NoWait bool
	// Timeout is how long the members may take to answer; 0 means DefaultTimeout.
	Timeout time.Duration
	// Probe decides that a member is up; nil means its container runs.
	Probe Probe
	// Builds counts the builds that run on a member that is stopped; nil counts none.
	Builds func(ctx context.Context, member cluster.Member, connection *cluster.Connection) (int, error)
	// Confirm is asked before the first change; nil agrees to all but settings that nothing proves
	// to be the builder's.
	Confirm Confirm
}

// DefaultTimeout is how long the members may take to answer: nodes may have to be added, and images
// pulled.
const DefaultTimeout = 5 * time.Minute

// Outcome is what install did.
type Outcome struct {
	// Change is what happened to the members.
	Change Change
	// Renewed says that certificates were issued.
	Renewed bool
	// FormerUntil is when the former certificates end, which members use until they are restarted;
	// zero if none does.
	FormerUntil time.Time
	// FormerLimits says that running members keep the cache limits of their volumes' former size.
	FormerLimits bool
	// Objects are the objects as the server has (or, in a dry run, would have) them, in the order
	// of applying.
	Objects []manifest.Object
	// Changes tells, object by object, what was done.
	Changes map[kube.Reference]Change
	// Members are the builder's Pods, as they were last seen.
	Members []cluster.Member
	// Connection is what clients need.
	Connection *cluster.Connection
}

// Run makes the builder of that name what edit makes of its stored Spec, and waits until every
// member answers. It keeps certificates that are good, replaces a Pod only if its Spec changed, and
// touches nothing that it did not make.
//
// When a new builder cannot start, or is interrupted, Run removes what this very call has made;
// after a timeout all stays, for it may still come up, and installing again goes on from there.
func Run(ctx context.Context, c *cluster.Client, name string, edit Edit, options Options, report func(Event)) (Outcome, error) {
	if err := (builder.Spec{Name: name, Namespace: c.Namespace()}).Validate(); err != nil {
		return Outcome{}, err
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	report = OneAtATime(report)
	i := &installation{api: api{c}, id: rand.Text(), name: name, edit: edit, options: options, report: report}
	err := i.run(ctx)
	if err == nil && i.mixed && !options.DryRun && !options.NoWait { // that rotation has ended now
		i = &installation{api: i.api, id: rand.Text(), name: name, edit: edit, options: options, report: report}
		err = i.run(ctx)
	}
	return i.outcome, err
}

// api adds to the requests what takes several of them.
type api struct{ *cluster.Client }

// installation is one Run.
type installation struct {
	api     api
	id      string // of this run
	name    string
	edit    Edit
	options Options
	report  func(Event)

	first   bool                    // there was no workload when this run began
	before  map[kube.Reference]bool // the objects that were there then
	asked   *Plan                   // what Confirm has agreed to
	claimed map[string]bool         // the members' claims that were there; nil if not known
	partial bool                    // not all settings of the builder that was there are known
	wrote   bool                    // this run may have changed something

	previous  *manifest.Previous // what a roll-out that fails goes back to; nil if there is none
	former    *existing          // what was there of it
	restoring *restoration       // set if this goes back

	mixed    bool // a rotation that has not ended comes first
	rotating bool // a rotation that has not ended was reported

	found         *existing
	unproven      *UnownedError // nothing proves that what was found is the builder's
	current, spec builder.Spec  // what is stored, and what is wanted
	objects       *manifest.Builder
	rotation      rotation
	changes       map[kube.Reference]Change // what is to be done
	volumePlan
	withoutRole error // why the Role cannot be made

	recording sync.Mutex
	outcome   Outcome
}

func (i *installation) run(ctx context.Context) error {
	var err error
	for range kube.Attempts {
		err = i.once(ctx)
		var conflict *kube.ConflictError
		if !errors.As(err, &conflict) {
			break
		}
		// Another client was faster: look again, and go on from there. Not all at the same time.
		if pauseErr := kube.Pause(ctx, 50*time.Millisecond+mathrand.N(100*time.Millisecond)); pauseErr != nil {
			err = pauseErr
			break
		}
	}
	if err == nil && !i.options.DryRun && !i.options.NoWait {
		stop := i.superviseClones(ctx)
		err = i.await(ctx)
		stop()
	}
	if err := i.failed(ctx, err); err != nil || i.options.DryRun || i.options.NoWait {
		return err
	}
	i.forgetPrevious(ctx)
	if i.rotation.kept {
		return nil
	}
	return i.forgetFormer(ctx)
}

// once reads what there is, decides what to change, asks, and writes it. It is a *ConflictError if
// anything has changed in between.
func (i *installation) once(ctx context.Context) error {
	i.outcome = Outcome{Change: Unchanged, Changes: map[kube.Reference]Change{}}
	steps := []func(context.Context) error{
		i.examine, i.decide, i.checkBudget, i.render, i.remember, i.setController, i.checkMembers, i.planVolumes, i.dryRun,
		i.warnOfMissing, i.confirm, i.write,
	}
	if i.options.DryRun {
		steps[len(steps)-1] = i.pretend
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// examine finds what there is, and refuses what is not known to be ours.
func (i *installation) examine(ctx context.Context) error {
	for tries := 1; ; tries++ {
		var err error
		if i.found, err = i.api.find(ctx, i.name); err != nil {
			return err
		}
		if err := cmp.Or(i.found.foreign(i.name, i.api.Namespace()), i.superseded()); err != nil {
			return err
		}
		if going := i.found.terminating(); len(going) > 0 && tries < kube.Attempts {
			if err := i.api.awaitRemoved(ctx, going); err != nil { // what is written to them goes with them
				return err
			}
			continue
		}
		i.unproven = i.found.unowned(i.name, i.api.Namespace())
		if i.unproven == nil || tries == kube.Attempts {
			break
		}
		// Another install may be about to make the rest.
		if err := kube.Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	if i.before == nil {
		i.first, i.before = i.found.absent(), map[kube.Reference]bool{}
		i.found.each(func(kind string, object manifest.Object) {
			i.before[kube.Reference{Kind: kind, Name: object.GetName()}] = true
		})
	}
	return nil
}

// confirm shows the caller what is about to happen; once, if it stays the same.
func (i *installation) confirm(ctx context.Context) error {
	plan, err := i.plan(ctx)
	if err == nil && i.options.Confirm == nil && i.unproven != nil {
		return i.unproven
	}
	if err != nil || i.options.Confirm == nil || i.asked != nil && reflect.DeepEqual(*i.asked, plan) {
		return err
	}
	if err := i.options.Confirm(ctx, plan); err != nil {
		return err
	}
	i.asked = &plan
	return nil
}

// decide sets the Spec: what edit makes of the stored one.
func (i *installation) decide(ctx context.Context) (err error) {
	i.current, err = i.api.specOf(ctx, i.found, i.name)
	if partial := (*PartialSettingsError)(nil); errors.As(err, &partial) {
		i.warnOfPartial(partial)
	} else if err != nil {
		return err
	}
	if i.spec, err = i.edit(i.current); err != nil {
		return err
	}
	if i.unproven != nil {
		if err := i.doubt(); err != nil {
			return err
		}
	}
	i.spec.Name, i.spec.Namespace = i.name, i.api.Namespace()
	if i.spec.Mode == builder.ModeAuto { // its caller did not choose one
		return &usage.Error{What: "--mode", Value: i.spec.Mode, Reason: "no mode was chosen", Next: "name another one"}
	}
	return i.spec.Validate()
}

// doubt makes the plan list all settings that nothing proves to be the builder's. Settings alone
// that are what the builder would be anyway, as an interrupted first install leaves them, need no
// proof.
func (i *installation) doubt() error {
	i.current = builder.Spec{Name: i.name, Namespace: i.api.Namespace()}
	anyway, err := i.edit(i.current)
	if err == nil && i.found.server == nil && i.found.client == nil && len(builder.Differences(anyway, i.spec)) == 0 {
		i.unproven = nil
	}
	return err
}

// render makes the objects, with the certificates that are there if they are good.
func (i *installation) render(ctx context.Context) error {
	certificates, issued, err := i.certificates(ctx)
	if err != nil {
		return err
	}
	i.outcome.Renewed = issued
	if i.restoring != nil {
		return i.renderFormer(certificates)
	}
	if i.objects, err = manifest.New(i.spec, certificates); err != nil {
		return err
	}
	return i.rotate(ctx, certificates)
}
