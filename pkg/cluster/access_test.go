package cluster_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

func TestAccessAsksForEachPermission(t *testing.T) {
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

func TestServer(t *testing.T) {
	c := testcluster.New(t)
	server, err := clientOf(t, c).Server(t.Context())
	if err != nil || server.Version != "v1.35.0" || server.Connect <= 0 || server.RoundTrip <= 0 {
		t.Errorf("%+v, %v", server, err)
	}
	c.Refuse(func(*http.Request, string, string) *metav1.Status { return testcluster.Forbidden("get", "version", "") })
	if server, err = clientOf(t, c).Server(t.Context()); err != nil || server.Version != "" {
		t.Errorf("a server that does not tell: %+v, %v", server, err)
	}
}
