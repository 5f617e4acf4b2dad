package kube_test

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

type object = testcluster.Object

func clientOf(t *testing.T, c *testcluster.Cluster) *kube.Client {
	t.Helper()
	client, err := kube.New(c.Config(), testcluster.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
