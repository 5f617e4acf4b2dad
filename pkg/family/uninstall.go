package family

import (
	"context"
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Uninstall removes a builder as install.Uninstall does, and with it all builders of its family.
// One that belongs to another's is removed only if that does not exist.
func Uninstall(
	ctx context.Context, c *cluster.Client, name string, options install.UninstallOptions, report func(install.Event),
) (install.Removal, error) {
	if err := builder.ValidateName(name); err != nil {
		return install.Removal{}, err
	}
	spec, _, err := stored(ctx, c, name)
	if err != nil {
		return install.Removal{}, err
	}
	if spec.Family != "" {
		if head, exists, err := stored(ctx, c, spec.Family); err != nil || exists && belongs(head, name) {
			return install.Removal{}, errors.Join(err, &MemberError{Name: name, Namespace: c.Namespace(), Family: spec.Family, Unwanted: true})
		}
	}
	others, err := further(ctx, c, spec)
	if err != nil {
		return install.Removal{}, err
	}
	if len(others) == 0 {
		return install.Uninstall(ctx, c, name, options, report)
	}
	names := []string{name}
	for _, other := range others {
		names = append(names, other.Name)
	}
	return removeAll(ctx, c, names, options, install.OneAtATime(report))
}

// removeAll removes builders side by side, after it has asked about all of them. Those that do not
// exist are left out, unless none does.
func removeAll(
	ctx context.Context, c *cluster.Client, names []string, options install.UninstallOptions, report func(install.Event),
) (install.Removal, error) {
	var there []string
	var missing error
	planned := install.Removal{}
	for _, name := range names {
		stop := errors.New("only planned")
		trial := options
		trial.Confirm = func(_ context.Context, removal install.Removal) error {
			planned = joined(planned, removal)
			return stop
		}
		_, err := install.Uninstall(ctx, c, name, trial, nil)
		switch notFound := (*cluster.NotFoundError)(nil); {
		case errors.Is(err, stop):
			there = append(there, name)
		case errors.As(err, &notFound):
			missing = errors.Join(missing, err)
		default:
			return install.Removal{}, err
		}
	}
	if len(there) == 0 {
		return install.Removal{}, missing
	}
	if options.Confirm != nil {
		if err := options.Confirm(ctx, planned); err != nil {
			return install.Removal{}, err
		}
		options.Confirm = nil
	}
	removals, removes := make([]install.Removal, len(there)), make([]func() error, len(there))
	for n, name := range there {
		removes[n] = func() (err error) {
			removals[n], err = install.Uninstall(ctx, c, name, options, report)
			return err
		}
	}
	err := kube.Together(removes...)
	return joined(removals...), err
}

// joined is what several removals did.
func joined(removals ...install.Removal) (all install.Removal) {
	for _, each := range removals {
		all.Removed, all.Kept = append(all.Removed, each.Removed...), append(all.Kept, each.Kept...)
	}
	return all
}

// belongs reports whether a builder of that name is for an architecture of the family.
func belongs(head builder.Spec, name string) bool {
	for _, spec := range head.Further() {
		if spec.Name == name {
			return true
		}
	}
	return false
}
