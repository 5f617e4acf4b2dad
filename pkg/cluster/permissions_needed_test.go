package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

func TestPermissionsToBuild(t *testing.T) {
	server := testcluster.New(t)
	server.Deny("get pods/portforward", "create pods/portforward")
	client := clientOf(t, server)
	answers, err := client.Access(t.Context(), cluster.PermissionsToBuild("b", []string{"b-0", "b-1"}, false))
	if err != nil {
		t.Fatal(err)
	}
	var denied, essential []string
	for _, a := range answers {
		if !a.Allowed {
			denied = append(denied, a.String())
		}
		if a.Essential() {
			essential = append(essential, a.String())
		}
	}
	if got := strings.Join(denied, ", "); got != "get pods/portforward b-0, create pods/portforward b-0, get pods/portforward b-1, create pods/portforward b-1" {
		t.Errorf("denied: %s", got)
	}
	if !slices.Contains(essential, "get secrets b-client") || slices.Contains(essential, "get pods/log b-0") {
		t.Errorf("essential: %q", essential)
	}
	if adopted := cluster.PermissionsToBuild("b", nil, true); !slices.Contains(adopted, kube.Permission{Verb: "create", Resource: "pods/exec", Name: "b"}) {
		t.Errorf("adopted: %v", adopted)
	}
	if len(cluster.PermissionsToInstall(true)) <= len(cluster.PermissionsToInstall(false)) {
		t.Error("members or volumes need a StatefulSet")
	}
}
