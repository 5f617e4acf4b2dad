package family

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// undoWithin bounds the removal of what a failed install made.
const undoWithin = 20 * time.Second

// undo removes the builders that this call has made, and gives those that it has changed their
// former settings; the last of the parts is the one that failed, which Run has rolled back as far
// as it could. It keeps what the builder itself names now: after a timeout its members may still
// come up.
func (r *request) undo(ctx context.Context, parts []*part, err error) error {
	failed := parts[len(parts)-1]
	failure := &Error{Name: r.name, Namespace: r.client.Namespace(), Builder: failed.name, Err: err}
	clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	named, known := r.named(clearing)
	if failed.name == r.name && r.keepsNew(clearing) {
		return err
	}
	for _, p := range parts {
		switch changed := p.done != install.Unchanged && len(p.plan.Differences) > 0; {
		case p.name == r.name:
		case !p.exists && p.done != install.Created: // another install's, or removed already
		case !p.exists && (!known || slices.Contains(named, p.name)):
			failure.Left = append(failure.Left, p.name)
		case !p.exists:
			r.remove(clearing, p, failure)
		case p != failed && changed && ctx.Err() != nil: // its members would have to be waited for
			failure.Left = append(failure.Left, p.name)
		case p != failed && changed:
			r.restore(ctx, p, failure)
		}
	}
	if len(failure.Removed)+len(failure.Restored)+len(failure.Left) == 0 && failed.name == r.name {
		return err
	}
	return failure
}

// named are the builders that the connection document of the builder itself names; not known where
// it cannot be read.
func (r *request) named(ctx context.Context) (names []string, known bool) {
	secret := &corev1.Secret{}
	ok, err := r.client.GetIfExists(ctx, kube.KindSecret, builder.ClientSecretName(r.name), secret)
	if err != nil || !ok || !manifest.HasConnection(secret) {
		return nil, err == nil
	}
	document, err := manifest.ReadConnection(secret)
	if err != nil {
		return nil, false
	}
	for _, native := range document.Platforms {
		names = append(names, native.Builder)
	}
	return names, true
}

// keepsNew reports whether the builder itself has the settings that this call wanted.
func (r *request) keepsNew(ctx context.Context) bool {
	spec, known, err := stored(ctx, r.client, r.name)
	return err != nil || known && len(builder.Differences(spec, r.wanted)) == 0
}

// remove removes a builder that this call has made.
func (r *request) remove(ctx context.Context, p *part, failure *Error) {
	_, err := install.Uninstall(ctx, r.client, p.name, install.UninstallOptions{Force: true, NoWait: true, Purge: !p.claims}, nil)
	missing := (*cluster.NotFoundError)(nil)
	gone := errors.As(err, &missing)
	switch {
	case err != nil && !gone:
		failure.Left = append(failure.Left, p.name)
	case p.name != failure.Builder:
		failure.Removed = append(failure.Removed, p.name)
	case !gone:
		failure.Removed = append(failure.Removed, p.name)
		forgetRemaining(failure.Err)
	}
}

// forgetRemaining says of what a failed install has left that it was removed.
func forgetRemaining(err error) {
	if start := (*install.StartError)(nil); errors.As(err, &start) {
		start.Removed, start.Remaining = append(start.Removed, start.Remaining...), nil
	}
	if incomplete := (*install.IncompleteError)(nil); errors.As(err, &incomplete) {
		incomplete.Removed, incomplete.Remaining = append(incomplete.Removed, incomplete.Remaining...), nil
	}
}

// restore gives a builder the settings of before; not if the caller waits no longer.
func (r *request) restore(ctx context.Context, p *part, failure *Error) {
	options := install.Options{Timeout: r.options.Timeout, Probe: r.options.Probe, Builds: r.options.Builds, NoWait: r.options.NoWait}
	_, err := install.Run(ctx, r.client, p.name, func(builder.Spec) (builder.Spec, error) { return p.former, nil }, options, r.report)
	if err == nil {
		failure.Restored = append(failure.Restored, p.name)
		return
	}
	failure.Left = append(failure.Left, p.name)
}
