package cluster

import (
	"context"
	"errors"
)

// Builder is one builder of a list.
type Builder struct {
	Name, Namespace string
	// Adopted says that install did not make it.
	Adopted bool
	// Members are its Pods; there may be fewer than Desired.
	Members []Member
	// Desired is how many members it should have.
	Desired int
}

// List finds the builders of the namespace, or of all namespaces, sorted by namespace and name.
func (c *Client) List(ctx context.Context, allNamespaces bool) ([]Builder, error) {
	return nil, errors.New("not implemented")
}
