package cluster

import (
	"context"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Permission is a verb on a resource of the namespace, e.g. create on pods/portforward of "buildkitd".
type Permission struct {
	Verb     string `json:"verb"`
	Group    string `json:"group,omitempty"`
	Resource string `json:"resource"`       // with its subresource, e.g. "pods/portforward"
	Name     string `json:"name,omitempty"` // empty means any
}

// String is e.g. "create pods/portforward buildkitd".
func (p Permission) String() string {
	text := p.Verb + " " + p.Resource
	if p.Name != "" {
		text += " " + p.Name
	}
	return text
}

// Access is the cluster's answer about a Permission.
type Access struct {
	Permission
	Allowed bool `json:"allowed"`
}

// Access asks the cluster, about the user who asks, which of the permissions they have.
func (c *Client) Access(ctx context.Context, permissions []Permission) ([]Access, error) {
	answers := make([]Access, len(permissions))
	questions := make([]func() error, len(permissions))
	for i, permission := range permissions {
		questions[i] = func() (err error) {
			answers[i].Permission = permission
			answers[i].Allowed, err = c.may(ctx, permission)
			return err
		}
	}
	return answers, together(questions...)
}

func (c *Client) may(ctx context.Context, p Permission) (bool, error) {
	resource, sub, _ := strings.Cut(p.Resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: c.namespace, Verb: p.Verb, Group: p.Group, Resource: resource, Subresource: sub, Name: p.Name,
		},
	}}
	err := c.api.Post().AbsPath("/apis/authorization.k8s.io/v1").Resource("selfsubjectaccessreviews").
		Body(review).Do(ctx).Into(review)
	return review.Status.Allowed, c.failure(ctx, err, "create", "selfsubjectaccessreviews", "")
}

// PermissionsToBuild are what the Role of a builder's users permits, for the members it has; of an adopted builder what
// the way into its Pod takes.
func PermissionsToBuild(name string, members []string, adopted bool) []Permission {
	if adopted {
		return append(permissions("", "pods", name, "get"), permissions("", "pods/exec", name, "create", "get")...)
	}
	var all []Permission
	for _, rule := range manifest.UserRules(name, members) {
		for _, resource := range rule.Resources {
			for _, object := range rule.ResourceNames {
				all = append(all, permissions(rule.APIGroups[0], resource, object, rule.Verbs...)...)
			}
		}
	}
	return all
}

// Essential says that no build is possible without the permission; the others are for what is told of a lost builder.
func (p Permission) Essential() bool {
	return p.Resource != "pods/log" && p.Verb != "list" && p.Verb != "watch"
}

// PermissionsToInstall are what install and uninstall need; stateful says that the builder has members or volumes.
func PermissionsToInstall(stateful bool) []Permission {
	all := slices.Concat(
		permissions("", "pods", "", "get", "list", "watch", "create", "patch", "delete"),
		permissions("", "secrets", "", "get", "create", "update", "patch", "delete"),
		permissions("", "configmaps", "", "get", "create", "patch", "delete"),
		permissions("rbac.authorization.k8s.io", "roles", "", "get", "create", "patch", "delete"),
	)
	if stateful {
		all = append(all, permissions("apps", "statefulsets", "", "get", "list", "create", "patch", "delete")...)
	}
	return all
}

func permissions(group, resource, name string, verbs ...string) []Permission {
	list := make([]Permission, 0, len(verbs))
	for _, verb := range verbs {
		list = append(list, Permission{Verb: verb, Group: group, Resource: resource, Name: name})
	}
	return list
}
