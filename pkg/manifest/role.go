package manifest

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// userRole returns the minimal Role for building, on all builders of a family. No user is bound to
// it here: that is the decision of the namespace's administrator.
func userRole(spec builder.Spec) *rbacv1.Role {
	secrets, members := []string{builder.ClientSecretName(spec.Name)}, spec.MemberNames()
	for _, further := range spec.Further() {
		secrets, members = append(secrets, builder.ClientSecretName(further.Name)), append(members, further.MemberNames()...)
	}
	return &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: objectMeta(spec, builder.RoleName(spec.Name)),
		Rules:      UserRules(secrets, members),
	}
}

// UserRules let a user read the connection documents of builders, see the members and forward a
// port to them, and read the log of one that died. Every rule names its objects.
func UserRules(secrets, members []string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{
			APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"},
			ResourceNames: secrets,
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
