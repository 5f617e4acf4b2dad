package cluster

import (
	"slices"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// PermissionsToBuild are what the Role of a builder's users permits, for the members it has; of an
// unmanaged builder what the connection to its Pod needs.
func PermissionsToBuild(name string, members []string, adopted bool) []kube.Permission {
	if adopted {
		return append(permissions("", "pods", name, "get"), permissions("", "pods/exec", name, "create", "get")...)
	}
	var all []kube.Permission
	for _, rule := range manifest.UserRules([]string{builder.ClientSecretName(name)}, members) {
		for _, resource := range rule.Resources {
			for _, object := range rule.ResourceNames {
				all = append(all, permissions(rule.APIGroups[0], resource, object, rule.Verbs...)...)
			}
		}
	}
	return all
}

// PermissionsToInstall are what install and uninstall need; stateful says that the builder has
// members or volumes.
func PermissionsToInstall(stateful bool) []kube.Permission {
	all := slices.Concat(
		permissions("", "pods", "", "get", "list", "watch", "create", "patch", "delete"),
		permissions("", "secrets", "", "get", "create", "update", "patch", "delete"),
		permissions("", "configmaps", "", "get", "create", "update", "delete"),
		permissions("rbac.authorization.k8s.io", "roles", "", "get", "create", "patch", "delete"),
	)
	if stateful {
		all = append(all, permissions("apps", "statefulsets", "", "get", "list", "create", "patch", "delete")...)
		all = append(all, permissions("policy", "poddisruptionbudgets", "", "get", "create", "patch", "delete")...)
	}
	return all
}

func permissions(group, resource, name string, verbs ...string) []kube.Permission {
	list := make([]kube.Permission, 0, len(verbs))
	for _, verb := range verbs {
		list = append(list, kube.Permission{Verb: verb, Group: group, Resource: resource, Name: name})
	}
	return list
}
