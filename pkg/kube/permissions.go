package kube

import (
	"context"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
)

// Permission is a verb on a resource of the namespace, e.g. create on pods/portforward of
// "buildkitd".
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
	return answers, Together(questions...)
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

// Essential says that no build is possible without the permission; the others are for what is told
// of a lost builder.
func (p Permission) Essential() bool {
	return p.Resource != "pods/log" && p.Verb != "list" && p.Verb != "watch"
}

// User returns the name by which the API server knows the caller, e.g.
// "system:serviceaccount:team:ci", and "" if it does not say.
func (c *Client) User(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	err := c.api.Post().AbsPath("/apis/authentication.k8s.io/v1").Resource("selfsubjectreviews").Body(review).Do(ctx).Into(review)
	if err != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}
