package cluster

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// User returns the name by which the API server knows the caller, e.g. "system:serviceaccount:team:ci", and "" if it
// does not say.
func (c *Client) User(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	err := c.api.Post().AbsPath("/apis/authentication.k8s.io/v1").Resource("selfsubjectreviews").Body(review).Do(ctx).Into(review)
	if err != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}
