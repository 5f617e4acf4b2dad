// Package family installs, changes and removes the builders that build for several platforms under
// one name: a complete builder for the first architecture, which has the name, and one for each
// further architecture. It decides in which order they are written, and what is undone where one of
// them fails; each is installed by pkg/install, which knows of one builder alone.
//
// It must not know commands or BuildKit.
package family

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// request is one Install.
type request struct {
	client  *cluster.Client
	name    string
	edit    install.Edit
	options install.Options
	report  func(install.Event)

	nodes    []string // the architectures of the nodes, once they are asked for
	nodesErr error
	asked    bool

	current, wanted builder.Spec
}

// Install makes the builder of that name what edit makes of its stored Spec, as install.Run does,
// and with it the builders of its further architectures: these first, so that the builder's
// connection document never names one that does not exist. A platform that is taken back removes
// the builder that it alone was for, whose volumes stay.
//
// All builders are tried out, and all changes are confirmed, before the first one is made. If one
// of them fails, those that this call has made are removed, and those that it has changed get their
// former settings; the error is an *Error then.
func Install(
	ctx context.Context, c *cluster.Client, name string, edit install.Edit, options install.Options, report func(install.Event),
) (install.Outcome, error) {
	if err := builder.ValidateName(name); err != nil {
		return install.Outcome{}, err
	}
	for tries := 1; ; tries++ {
		r := &request{client: c, name: name, edit: edit, options: options, report: install.OneAtATime(report)}
		alone, err := r.decide(ctx)
		switch {
		case err != nil:
			return install.Outcome{}, err
		case alone:
			return install.Run(ctx, c, name, edit, options, report)
		}
		outcome, err := r.run(ctx)
		var changed *changedError
		if !errors.As(err, &changed) || tries == kube.Attempts {
			return outcome, err
		}
	}
}

// decide sets what there is and what is wanted, and reports whether the builder is one without
// platforms, or one of another's family that stays as it is.
func (r *request) decide(ctx context.Context) (alone bool, err error) {
	current, known, err := stored(ctx, r.client, r.name)
	if err != nil {
		return false, err
	}
	wanted, err := r.edit(current)
	valid := err == nil
	switch {
	case current.Family != "" && valid && len(builder.Differences(current, wanted)) > 0:
		return false, &MemberError{Name: r.name, Namespace: r.client.Namespace(), Family: current.Family}
	case current.Family != "", !known && !valid, len(current.Platforms)+len(wanted.Platforms) == 0:
		return true, nil // Run reports what is wrong
	}
	if !known { // a version that knew no platforms may have installed it
		current, err = install.StoredSpec(ctx, r.client, r.name)
		if partial, missing := (*install.PartialSettingsError)(nil), (*cluster.NotFoundError)(nil); errors.As(err, &missing) {
			current = builder.Spec{Name: r.name, Namespace: r.client.Namespace()}
		} else if err != nil && !errors.As(err, &partial) {
			return false, err
		}
	}
	r.current = current
	if r.wanted, err = r.resolved(ctx, current); err != nil {
		return false, err
	}
	if was, is := current.Architecture(), r.wanted.Architecture(); was != "" && is != "" && was != is {
		return false, &usage.Error{
			What:   fmt.Sprintf("builder %q itself runs on %s, which cannot become %s: its cache would be of no use there", r.name, was, is),
			Reason: "", Next: "leave " + was + " the first architecture, or uninstall the builder and install it again",
		}
	}
	return false, nil
}

// resolved is what edit makes of a Spec, with the platforms to emulate by name.
func (r *request) resolved(ctx context.Context, current builder.Spec) (builder.Spec, error) {
	wanted, err := r.edit(current)
	if err != nil {
		return wanted, err
	}
	wanted.Name, wanted.Namespace = r.name, r.client.Namespace()
	if !slices.Contains(wanted.Emulate, builder.EmulateMissing) {
		return wanted, wanted.Validate()
	}
	nodes, err := r.architectures(ctx)
	if err != nil {
		return wanted, &usage.Error{
			What: "--emulate", Reason: fmt.Sprintf("which platforms no node has is not known: %v", err),
			Next: "name those that are to be emulated, e.g. --emulate=linux/arm64",
		}
	}
	// What has members stays native, though its nodes may be away for now.
	wanted = wanted.EmulateOn(slices.Concat(nodes, current.Architectures()))
	return wanted, wanted.Validate()
}

// architectures are those of the nodes, which are asked for once.
func (r *request) architectures(ctx context.Context) ([]string, error) {
	if !r.asked {
		r.nodes, r.nodesErr = r.client.Architectures(ctx)
		r.asked = true
	}
	return r.nodes, r.nodesErr
}

// stored is what the builder's ConfigMap says that it was asked to be, and whether there is one
// that says it.
func stored(ctx context.Context, c *cluster.Client, name string) (builder.Spec, bool, error) {
	bare, config := builder.Spec{Name: name, Namespace: c.Namespace()}, &corev1.ConfigMap{}
	ok, err := c.GetIfExists(ctx, kube.KindConfigMap, builder.ConfigName(name), config)
	if err != nil || !ok || !cluster.IsManaged(config.Labels) || config.Labels[builder.LabelInstance] != name {
		return bare, false, err
	}
	spec, known, err := manifest.StoredSpec(name, config)
	if err != nil || !known {
		return bare, known, err
	}
	return spec, true, nil
}

// further are the builders that belong to the family besides the builder itself: those that its
// settings name, and those that say so themselves, e.g. since an install was interrupted.
func further(ctx context.Context, c *cluster.Client, spec builder.Spec) ([]builder.Spec, error) {
	list := spec.Further()
	configs := &corev1.ConfigMapList{}
	options := metav1.ListOptions{LabelSelector: builder.LabelFamily + "=" + spec.Name + "," + builder.LabelManagedBy + "=" + builder.ManagedBy}
	if err := c.ListObjects(ctx, kube.KindConfigMap, options, configs); err != nil && !kube.IsForbidden(err) {
		return nil, err
	}
	for n := range configs.Items {
		config := &configs.Items[n]
		name := config.Labels[builder.LabelInstance]
		known := slices.ContainsFunc(list, func(each builder.Spec) bool { return each.Name == name })
		if known || config.Name != builder.ConfigName(name) || !strings.HasPrefix(name, spec.Name+"-") {
			continue
		}
		if found, ok, err := manifest.StoredSpec(name, config); err == nil && ok && found.Family == spec.Name {
			list = append(list, found)
		}
	}
	return list, nil
}
