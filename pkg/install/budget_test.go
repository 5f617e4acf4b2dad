package install_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

const budget = "poddisruptionbudgets/buildkitd"

// budgeted is the edit that asks for a budget, or takes it back where it is empty.
func budgeted(most string) install.Edit {
	return func(current builder.Spec) (builder.Spec, error) {
		current.Replicas, current.DisruptionBudget = 2, most
		return current, nil
	}
}

func TestBudgetIsMadeChangedAndRemoved(t *testing.T) {
	server := testcluster.New(t)
	for _, most := range []string{"1", "25%"} {
		mustInstall(t, server, budgeted(most))
		var made policyv1.PodDisruptionBudget
		server.Read("poddisruptionbudgets", "buildkitd", &made)
		if made.Spec.MaxUnavailable.String() != most || made.Labels[builder.LabelInstance] != "buildkitd" {
			t.Errorf("%s: %+v", most, made)
		}
	}
	server.Forget()
	if mustInstall(t, server, install.Keep); slices.ContainsFunc(server.Writes(), func(write string) bool { return strings.HasSuffix(write, budget) }) {
		t.Errorf("unchanged, but written: %v", server.Writes())
	}
	mustInstall(t, server, budgeted(""))
	if names := server.Names(); slices.Contains(names, budget) {
		t.Errorf("taken back, there are %v", names)
	}
	mustInstall(t, server, budgeted("1"))
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); err != nil || len(server.Names()) > 0 {
		t.Errorf("uninstall (%v) leaves %v", err, server.Names())
	}
}

// Another's budget of the same name stays, and is in the way only of who asks for one.
func TestBudgetOfAnother(t *testing.T) {
	server := testcluster.New(t)
	server.Put("poddisruptionbudgets", &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: metav1.ObjectMeta{Name: "buildkitd", Labels: map[string]string{"app": "web"}},
	})
	mustInstall(t, server, budgeted(""))
	server.Forget()
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", budgeted("1"), install.Options{NoWait: true}, nil)
	var foreign *install.ForeignError
	if !errors.As(err, &foreign) || foreign.Kind != "PodDisruptionBudget" || len(server.Writes()) > 0 {
		t.Errorf("%v, written: %v", err, server.Writes())
	}
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); err != nil ||
		!slices.Equal(server.Names(), []string{budget}) {
		t.Errorf("uninstall (%v) leaves %v", err, server.Names())
	}
}

// A user without the right to budgets installs builders without one; where one is asked for, or
// would be left behind, the refusal comes before the first change.
func TestBudgetsThatMayNotBeSeenOrMade(t *testing.T) {
	for _, method := range []string{"", http.MethodPatch} {
		server := testcluster.New(t)
		server.Refuse(testcluster.Forbidding("poddisruptionbudgets", method))
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", budgeted("1"), install.Options{NoWait: true}, nil)
		if names := server.Names(); !apierrors.IsForbidden(err) || len(names) > 0 {
			t.Errorf("%q: %v; there are %v", method, err, names)
		}
		mustInstall(t, server, budgeted(""))
		if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); err != nil || len(server.Names()) > 0 {
			t.Errorf("%q: uninstall (%v) leaves %v", method, err, server.Names())
		}
	}
	for _, method := range []string{"", http.MethodDelete} {
		server := testcluster.New(t)
		mustInstall(t, server, budgeted("1"))
		server.Refuse(testcluster.Forbidding("poddisruptionbudgets", method))
		before := server.Object("configmaps", "buildkitd-config")["metadata"].(object)["resourceVersion"]
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", budgeted(""), install.Options{NoWait: true}, nil)
		if now := server.Object("configmaps", "buildkitd-config")["metadata"].(object)["resourceVersion"]; !apierrors.IsForbidden(err) || now != before {
			t.Errorf("%q: taking it back: %v; the settings changed: %v", method, err, now != before)
		}
	}
	server := testcluster.New(t)
	mustInstall(t, server, budgeted("1"))
	server.Refuse(testcluster.Forbidding("poddisruptionbudgets", ""))
	whole := server.Names()
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); !apierrors.IsForbidden(err) || !slices.Equal(server.Names(), whole) {
		t.Errorf("uninstall: %v; there are %v", err, server.Names())
	}
}
