// Package cluster finds builders: the member to build on and how to connect to it, all builders of a namespace, what is
// wrong with one, and why one died.
//
// It changes nothing, reports typed facts (NotFoundError, NotReadyError …) and knows neither commands nor BuildKit.
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
