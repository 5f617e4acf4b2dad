package family

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// part is one builder of the family that is installed.
type part struct {
	name   string
	edit   install.Edit
	former builder.Spec // what it was asked to be
	exists bool         // it has been installed before
	plan   install.Plan
	claims bool // there were volumes of its name
	done   install.Change
}

// run tries all out, asks, writes, and removes what is not wanted any more.
func (r *request) run(ctx context.Context) (install.Outcome, error) {
	parts, err := r.parts(ctx)
	if err != nil {
		return install.Outcome{}, err
	}
	had, err := further(ctx, r.client, r.current)
	if err != nil {
		return install.Outcome{}, err
	}
	surplus := slices.DeleteFunc(had, func(spec builder.Spec) bool {
		return slices.ContainsFunc(parts, func(p *part) bool { return p.name == spec.Name })
	})
	rehearsed, err := r.rehearse(ctx, parts)
	if err != nil {
		return rehearsed, err
	}
	if err := r.confirm(ctx, parts, surplus); err != nil || r.options.DryRun {
		return rehearsed, err
	}
	r.warnOfNodes(ctx, parts)
	outcome, err := r.write(ctx, parts)
	if err != nil {
		return outcome, err
	}
	for _, spec := range surplus {
		_, err := install.Uninstall(ctx, r.client, spec.Name, install.UninstallOptions{Force: r.options.Force, NoWait: r.options.NoWait}, r.report)
		if missing := (*cluster.NotFoundError)(nil); err != nil && !errors.As(err, &missing) {
			return outcome, &Error{Name: r.name, Namespace: r.client.Namespace(), Builder: spec.Name, Left: []string{spec.Name}, Err: err}
		}
		outcome.Change = changed(outcome.Change, install.Configured)
	}
	return outcome, nil
}

// parts are the builders in the order of installing, the builder itself last. A builder of that
// name that is not of the family is an error.
func (r *request) parts(ctx context.Context) ([]*part, error) {
	var parts []*part
	for _, spec := range r.wanted.Further() {
		p := &part{name: spec.Name, edit: func(builder.Spec) (builder.Spec, error) { return spec, nil }}
		former, known, err := stored(ctx, r.client, spec.Name)
		if err != nil {
			return nil, err
		}
		if known && former.Family != r.name {
			return nil, &TakenError{Name: spec.Name, Namespace: r.client.Namespace(), Family: r.name, Architecture: spec.Architecture()}
		}
		p.former, p.exists = former, known
		claims := &corev1.PersistentVolumeClaimList{}
		err = r.client.ListObjects(ctx, kube.KindClaim, metav1.ListOptions{LabelSelector: builder.Selector(spec.Name)}, claims)
		p.claims = err != nil || len(claims.Items) > 0
		parts = append(parts, p)
	}
	own := &part{name: r.name, former: r.current, exists: true, claims: true}
	own.edit = func(current builder.Spec) (builder.Spec, error) {
		wanted, err := r.resolved(ctx, current)
		if err == nil && (!slices.Equal(wanted.Platforms, r.wanted.Platforms) || !slices.Equal(wanted.Emulate, r.wanted.Emulate)) {
			err = &changedError{name: r.name, namespace: r.client.Namespace()}
		}
		return wanted, err
	}
	return append(parts, own), nil
}

// rehearse asks the server about every builder, and changes nothing.
func (r *request) rehearse(ctx context.Context, parts []*part) (install.Outcome, error) {
	options := r.options
	options.DryRun = true
	report := func(install.Event) {}
	if r.options.DryRun {
		report = r.report
	}
	var outcomes []install.Outcome
	for _, p := range parts {
		options.Confirm = func(ctx context.Context, plan install.Plan) error {
			p.plan = plan
			if r.options.Confirm == nil && plan.Unproven != nil {
				return plan.Unproven
			}
			if !p.exists && !plan.New && plan.Unproven == nil {
				return r.found(ctx, p)
			}
			return nil
		}
		outcome, err := install.Run(ctx, r.client, p.name, p.edit, options, report)
		if err != nil {
			return install.Outcome{}, err
		}
		outcomes = append(outcomes, outcome)
	}
	return merged(outcomes), nil
}

// found is about a builder that was not there before: another install has just made it, or one of a
// version that knew no families.
func (r *request) found(ctx context.Context, p *part) error {
	former, known, err := stored(ctx, r.client, p.name)
	if err == nil && (!known || former.Family != r.name) {
		err = &TakenError{Name: p.name, Namespace: r.client.Namespace(), Family: r.name}
	}
	p.former, p.exists = former, true
	return err
}

// confirm asks about the builder itself, about the further ones, and about those that are removed.
func (r *request) confirm(ctx context.Context, parts []*part, surplus []builder.Spec) error {
	if r.options.Confirm == nil {
		return nil
	}
	last := len(parts) - 1
	for _, p := range append([]*part{parts[last]}, parts[:last]...) {
		if err := r.options.Confirm(ctx, p.plan); err != nil {
			return err
		}
	}
	for _, spec := range surplus {
		plan := install.Plan{Name: spec.Name, Namespace: r.client.Namespace(), Mode: spec.RunMode()}
		pods := &corev1.PodList{}
		if err := r.client.ListObjects(ctx, kube.KindPod, metav1.ListOptions{LabelSelector: builder.Selector(spec.Name)}, pods); err != nil {
			return err
		}
		for n := range pods.Items {
			loss := install.Loss{Member: cluster.MemberOf(&pods.Items[n])}
			if spec.Storage != nil {
				loss.Claim = builder.ClaimName(loss.Member.Pod)
			}
			plan.Losses = append(plan.Losses, loss)
		}
		if err := r.options.Confirm(ctx, plan); err != nil {
			return err
		}
	}
	return nil
}

// warnOfNodes names architectures of new members that no node has. An autoscaler may add one, so
// that the install goes on.
func (r *request) warnOfNodes(ctx context.Context, parts []*part) {
	nodes, err := r.architectures(ctx)
	if err != nil {
		return
	}
	for _, arch := range r.wanted.Architectures() {
		name := r.wanted.GroupName(arch)
		isNew := slices.ContainsFunc(parts, func(p *part) bool { return p.name == name && p.plan.New })
		if isNew && !slices.Contains(nodes, arch) {
			r.report(install.Event{Kind: install.EventWarning, Reason: "NoNode", Message: fmt.Sprintf(
				"warning: no node has the label kubernetes.io/arch=%s, so that builder %s waits for one", arch, name)})
		}
	}
}

// write installs one after the other.
func (r *request) write(ctx context.Context, parts []*part) (install.Outcome, error) {
	var outcomes []install.Outcome
	for n, p := range parts {
		options := r.options
		options.Confirm = func(ctx context.Context, plan install.Plan) error {
			if r.options.Confirm == nil || samePlan(p.plan, plan) {
				return nil
			}
			return r.options.Confirm(ctx, plan)
		}
		outcome, err := install.Run(ctx, r.client, p.name, p.edit, options, r.report)
		p.done = outcome.Change
		if err != nil {
			return outcome, r.undo(ctx, parts[:n+1], err)
		}
		outcomes = append(outcomes, outcome)
	}
	return merged(outcomes), r.complete(ctx, parts)
}

// complete reports whether another install, which has made builders that this one relies on, has
// failed and removed them.
func (r *request) complete(ctx context.Context, parts []*part) error {
	for _, p := range parts {
		if _, known, err := stored(ctx, r.client, p.name); err == nil && !known {
			return &changedError{name: r.name, namespace: r.client.Namespace()}
		}
	}
	return nil
}

// samePlan reports whether nothing else changes, and nothing else is lost, than was agreed to.
func samePlan(a, b install.Plan) bool {
	return a.New == b.New && (a.Unproven == nil) == (b.Unproven == nil) &&
		slices.EqualFunc(a.Differences, b.Differences, func(a, b builder.Difference) bool {
			return a.Name == b.Name && slices.Equal(a.Gone, b.Gone) && slices.Equal(a.New, b.New)
		}) &&
		slices.EqualFunc(a.Losses, b.Losses, func(a, b install.Loss) bool {
			return a.Member.UID == b.Member.UID && a.Replaced == b.Replaced && a.Claim == b.Claim
		})
}

// merged is the outcome of the last, which is the builder itself, with what was done to the others.
func merged(outcomes []install.Outcome) install.Outcome {
	last := len(outcomes) - 1
	all := outcomes[last]
	all.Objects, all.Changes = nil, maps.Clone(all.Changes)
	for n, each := range outcomes {
		all.Objects = append(all.Objects, each.Objects...)
		if n == last {
			break
		}
		all.Change = changed(all.Change, each.Change)
		all.Renewed, all.FormerLimits = all.Renewed || each.Renewed, all.FormerLimits || each.FormerLimits
		if all.FormerUntil.IsZero() || !each.FormerUntil.IsZero() && each.FormerUntil.Before(all.FormerUntil) {
			all.FormerUntil = each.FormerUntil
		}
		maps.Copy(all.Changes, each.Changes)
		all.Members = append(all.Members, each.Members...)
	}
	return all
}

// changed is what was done to a family, where that was done to the builder itself, and the other to
// another.
func changed(own, other install.Change) install.Change {
	if own == install.Unchanged && cmp.Or(other, install.Unchanged) != install.Unchanged {
		return install.Configured
	}
	return own
}
