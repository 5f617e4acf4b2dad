package kube_test

import (
	"net/http"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

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

func TestAccessAsksForEachPermission(t *testing.T) {
	server := testcluster.New(t)
	server.Deny("create pods/portforward")
	answers, err := clientOf(t, server).Access(t.Context(), []kube.Permission{
		{Verb: "get", Resource: "pods", Name: "b"}, {Verb: "create", Resource: "pods/portforward", Name: "b-1"}, {Verb: "create", Resource: "pods/portforward"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var denied []string
	for _, a := range answers {
		if !a.Allowed {
			denied = append(denied, a.String())
		}
	}
	if !slices.Equal(denied, []string{"create pods/portforward b-1", "create pods/portforward"}) {
		t.Errorf("denied: %q", denied)
	}
}
