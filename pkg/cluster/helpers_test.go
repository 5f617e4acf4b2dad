package cluster_test

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

type object = testcluster.Object

func clientOf(t *testing.T, c *testcluster.Cluster) *cluster.Client {
	t.Helper()
	client, err := cluster.New(c.Config(), testcluster.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func spec() builder.Spec { return builder.Spec{Name: "buildkitd", Namespace: testcluster.Namespace} }

// resolve finds the member to build on, and how to connect to it.
func resolve(t *testing.T, client *cluster.Client, name string, wanted cluster.Selection) (cluster.Member, *cluster.Connection, error) {
	t.Helper()
	at, err := client.Locate(t.Context(), name, wanted.Adopt)
	if err != nil {
		return cluster.Member{}, nil, err
	}
	member, err := client.Choose(t.Context(), at, wanted)
	return member, at.Connection, err
}
