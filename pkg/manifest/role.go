package manifest

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// userRole returns the minimal Role for building. No user is bound to it here: that is the decision
// of the namespace's administrator.
func userRole(spec builder.Spec) *rbacv1.Role {
	return &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: objectMeta(spec, builder.RoleName(spec.Name)),
		Rules:      UserRules(spec.Name, spec.MemberNames()),
	}
}

// UserRules let a user read a builder's connection document, see its members and forward a port to
// them, and read the log of one that died. Every rule names its objects.
func UserRules(name string, members []string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{
			APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"},
			ResourceNames: []string{builder.ClientSecretName(name)},
		},
		{
			APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch"},
			ResourceNames: members,
		},
		// A tunnel is a GET over WebSocket and a POST over SPDY; newer API servers ask for create
		// in both cases.
		{
			APIGroups: []string{""}, Resources: []string{"pods/portforward"}, Verbs: []string{"get", "create"},
			ResourceNames: members,
		},
		{
			APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"},
			ResourceNames: members,
		},
	}
}
