package install

import (
	"context"
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// checkBudget decides about the PodDisruptionBudget. Another's of that name is left alone, unless
// this builder needs the name; and a user who may not see any needs not to, unless the builder has
// one or gets one.
func (i *installation) checkBudget(context.Context) error {
	has, wants := i.current.DisruptionBudget != "", i.spec.DisruptionBudget != ""
	if i.found.budgetUnseen != nil && (has || wants) {
		return i.found.budgetUnseen
	}
	if found := i.found.budget; found != nil && !isOf(found, i.name) {
		if wants {
			return &ForeignError{Kind: kube.KindBudget, Name: found.Name, Namespace: i.api.Namespace(), Builder: i.name}
		}
		i.found.budget = nil
	}
	return nil
}

// removeBudget removes the budget that the builder is no longer to have. It comes before all other
// writes: a user who may not do it has changed nothing.
func (i *installation) removeBudget(ctx context.Context) error {
	if i.found.budget == nil || i.spec.DisruptionBudget != "" {
		return nil
	}
	if err := i.api.Delete(ctx, kube.KindBudget, i.found.budget, kube.Deletion{Still: stillOf(i.name)}); err != nil {
		return err
	}
	reference := kube.Reference{Kind: kube.KindBudget, Name: i.found.budget.Name}
	i.report(Event{Kind: EventRemoved, Message: reference.String() + " removed"})
	return nil
}

// seesBudget is an error if the builder has a budget, as its settings say, that the user may not
// see: to remove the rest would leave it behind.
func (f *existing) seesBudget(name string) error {
	if f.budgetUnseen == nil || f.config == nil || !isOf(f.config, name) {
		return nil
	}
	spec, known, err := manifest.StoredSpec(name, f.config)
	if err == nil && known && spec.DisruptionBudget == "" {
		return nil
	}
	if !known {
		return nil // its version had none
	}
	return errors.Join(f.budgetUnseen, err)
}
