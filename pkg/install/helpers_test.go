package install_test

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
