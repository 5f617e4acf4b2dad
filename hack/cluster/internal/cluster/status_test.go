package cluster

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/network"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/registry"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/state"
)

func TestRenderEnv(t *testing.T) {
	plan := network.Plan{Index: 3, Nodes: 2}
	record := state.Record{
		Nodes: 2, Password: "s3cret", ReaderPassword: "it's",
		BaseImage: "10.210.3.1:5000/base/busybox:1", GoImage: "10.210.3.1:5000/base/golang:1.26", MultiImage: "10.210.3.1:5000/base/multi:1",
	}
	const want = `export E2E_KUBECONFIG='/a directory/kubeconfig/admin.yaml'
export E2E_REGISTRY=10.210.3.1:5000
export E2E_REGISTRY_TOKEN=10.210.3.1:5001
export E2E_REGISTRY_BASIC=10.210.3.1:5002
export E2E_REGISTRY_CA='/a directory/pki/registry-ca.crt'
export E2E_REGISTRY_USER=tenancy/builder
export E2E_REGISTRY_PASSWORD=s3cret
export E2E_REGISTRY_READER=reader
export E2E_REGISTRY_READER_PASSWORD='it'\''s'
export E2E_BASE_IMAGE=10.210.3.1:5000/base/busybox:1
export E2E_GO_IMAGE=10.210.3.1:5000/base/golang:1.26
export E2E_MULTI_IMAGE=10.210.3.1:5000/base/multi:1
export E2E_PROGRAMS='/a directory/bin'
export E2E_NODES=2
`
	if got := renderEnv("/a directory", registry.NewAddresses(plan.HostPort), record); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
