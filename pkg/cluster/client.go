// Package cluster is what the product asks of the Kubernetes API: install a builder and see it start, find the member
// to build on, list and remove builders, and find out why one died.
//
// It reports typed facts (NotFoundError, StartError …) and knows neither commands nor BuildKit: whether a daemon answers
// is asked through a function that the caller gives.
package cluster

import (
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Client finds builders in one namespace of one cluster.
type Client struct{ *kube.Client }

// New makes a Client for that namespace. It makes no request.
func New(config *rest.Config, namespace string) (*Client, error) {
	api, err := kube.New(config, namespace)
	if err != nil {
		return nil, err
	}
	return &Client{api}, nil
}
