// Package mode chooses how the daemons of a new builder run: with the least privileges that the
// cluster admits, its nodes support, and a daemon starts with.
//
// It must not know commands or BuildKit. What a mode is made of is known to pkg/manifest.
package mode

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// order are the modes, the one with the least privileges first. In a user namespace of its Pod a
// daemon is a user of the node that no other Pod is, and steps see neither its processes nor those
// of other steps. A rootless daemon's user is that of all rootless Pods of the node, and its steps
// see its processes.
func order() []string {
	return []string{builder.ModeUserNS, builder.ModeRootless, builder.ModePrivileged}
}

// Install makes the builder of that name what edit makes of its stored Spec, as family.Install
// does, with a mode in place of builder.ModeAuto: that of the builder, if there is one; else the
// first mode with which its members start. What was made of a builder that does not start because
// of its mode is removed before the next one is tried, and all modes together have the time that
// options give. A dry run, and one that does not wait, ask the cluster alone.
func Install(
	ctx context.Context, c *cluster.Client, name string, edit install.Edit, options install.Options, report func(install.Event),
) (install.Outcome, error) {
	bare := builder.Spec{Name: name, Namespace: c.Namespace()}
	// What edit refuses may be right together with what is stored.
	wanted, _ := edit(bare)
	if wanted.Mode != builder.ModeAuto || builder.ValidateName(name) != nil {
		return family.Install(ctx, c, name, edit, options, report)
	}
	if report == nil {
		report = func(install.Event) {}
	}
	current, err := install.StoredSpec(ctx, c, name)
	var missing *cluster.NotFoundError
	var partial *install.PartialSettingsError
	switch {
	case err == nil, errors.As(err, &partial):
		report(install.Event{Message: fmt.Sprintf("mode %s: that of the builder, which auto leaves as it is", current.RunMode())})
		return family.Install(ctx, c, name, as(current.RunMode(), edit), options, report)
	case !errors.As(err, &missing):
		return install.Outcome{}, err
	}
	wanted.Name, wanted.Namespace = bare.Name, bare.Namespace
	choice := &choice{client: c, spec: wanted, edit: edit, options: options, report: report}
	return choice.install(ctx)
}

// as is the Edit with a mode in place of builder.ModeAuto.
func as(mode string, edit install.Edit) install.Edit {
	return func(current builder.Spec) (builder.Spec, error) {
		wanted, err := edit(current)
		if wanted.Mode == builder.ModeAuto {
			wanted = wanted.With(builder.Spec{Mode: mode}, "mode")
		}
		return wanted, err
	}
}

// choice is one Install of a new builder.
type choice struct {
	client  *cluster.Client
	spec    builder.Spec
	edit    install.Edit
	options install.Options
	report  func(install.Event)

	against []string // of each mode that was passed over, why
	unseen  bool     // the user may not see the nodes
}

// install tries the modes in their order.
func (c *choice) install(ctx context.Context) (outcome install.Outcome, err error) {
	if c.options.Timeout == 0 {
		c.options.Timeout = install.DefaultTimeout
	}
	deadline := time.Now().Add(c.options.Timeout)
	for n, mode := range order() {
		last := n == len(order())-1
		reason := ""
		if !last {
			reason = c.obstacle(ctx, mode)
		}
		if reason == "" {
			c.report(install.Event{Message: "mode " + mode + ": " + c.because(mode)})
			c.options.Timeout = max(time.Until(deadline), time.Second)
			outcome, err = family.Install(ctx, c.client, c.spec.Name, as(mode, c.edit), c.options, c.report)
			if reason = ofMode(err); reason == "" || last {
				return outcome, err
			}
			c.report(install.Event{Kind: install.EventWarning, Message: "mode " + mode + " does not work here: " + reason})
		}
		c.against = append(c.against, mode+" does not work here: "+reason)
	}
	return outcome, err
}

// because says why a mode was chosen.
func (c *choice) because(mode string) string {
	because := strings.Join(c.against, "; ")
	if because == "" {
		because = "of all modes it has the least privileges, and every node that may run the builder supports it"
		if c.unseen {
			because = "of all modes it has the least privileges, and the cluster admits it; its nodes are not known"
		}
	}
	if mode != builder.ModePrivileged && (c.options.DryRun || c.options.NoWait) {
		because += "; whether the daemon starts was not tried"
	}
	return because
}

// ofMode is why a builder does not start, where another mode may do better; empty where it would
// not, or where this one is not gone.
func ofMode(err error) string {
	var start *install.StartError
	var group *family.Error
	if !errors.As(err, &start) || len(start.Remaining) > 0 || errors.As(err, &group) && len(group.Left) > 0 {
		return ""
	}
	switch start.Reason {
	case cluster.ReasonNoUserNamespace, "CrashLoopBackOff", "RunContainerError", "CreateContainerError", "StartError", "FailedCreate":
	default:
		return ""
	}
	reason := start.Reason + ": " + start.Message
	if lines := len(start.Logs); lines > 0 {
		reason += ": " + start.Logs[lines-1]
	}
	return reason
}
