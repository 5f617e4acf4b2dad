package manifest

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// budget is the PodDisruptionBudget of the members; nothing where none is asked for. A drain of
// nodes asks it before it takes a member away.
func budget(spec builder.Spec) []Object {
	if spec.DisruptionBudget == "" {
		return nil
	}
	away := intstr.Parse(spec.DisruptionBudget)
	return []Object{&policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: policyv1.SchemeGroupVersion.String(), Kind: "PodDisruptionBudget"},
		ObjectMeta: objectMeta(spec, builder.BudgetName(spec.Name)),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &away,
			Selector:       &metav1.LabelSelector{MatchLabels: builder.ObjectLabels(spec.Name)},
			// A member that does not work has no builds to lose, and must not keep its node.
			UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
		},
	}}
}
