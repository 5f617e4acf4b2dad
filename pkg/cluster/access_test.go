package cluster_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// answering is an API server that gives one answer a path.
func answering(t *testing.T, answers map[string]func(body object) any) *cluster.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply := answers[r.URL.Path]
		if reply == nil {
			status(w, http.StatusForbidden, "Forbidden", `x is forbidden: User "jane" cannot get resource "x" in API group "" at the cluster scope`)
			return
		}
		var body object
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &body)
		answer(w, http.StatusOK, reply(body).(object))
	}))
	t.Cleanup(server.Close)
	client, err := cluster.New(&rest.Config{Host: server.URL}, "team")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestAccessAsksForEachPermission(t *testing.T) {
	client := answering(t, map[string]func(object) any{
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": func(body object) any {
			asked := body["spec"].(object)["resourceAttributes"].(object)
			allowed := asked["subresource"] != "portforward" && asked["namespace"] == "team"
			return object{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": object{"allowed": allowed}}
		},
	})
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
	client := answering(t, map[string]func(object) any{"/version": func(object) any { return object{"gitVersion": "v1.37.2"} }})
	server, err := client.Server(t.Context())
	if err != nil || server.Version != "v1.37.2" || server.Connect <= 0 || server.RoundTrip <= 0 {
		t.Errorf("%+v, %v", server, err)
	}
	if server, err = answering(t, nil).Server(t.Context()); err != nil || server.Version != "" {
		t.Errorf("a server that does not tell: %+v, %v", server, err)
	}
}
