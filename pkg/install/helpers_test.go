package install_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
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

func storageError(err error) *install.StorageError {
	var storage *install.StorageError
	errors.As(err, &storage)
	return storage
}

// bodyOf is the request's body, which can be read again afterwards.
func bodyOf(t *testing.T, r *http.Request) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return string(data)
}

func equalJSON(a, b any) bool {
	first, err := json.Marshal(a)
	second, err2 := json.Marshal(b)
	return errors.Join(err, err2) == nil && bytes.Equal(first, second)
}
