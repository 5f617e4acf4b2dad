package cluster_test

import (
	"net/http"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// A builder whose Pods are gone is still one: its settings are there.
func TestListShowsBuildersWithoutPods(t *testing.T) {
	server := newServer(t)
	server.onPod = running
	if _, err := install.Run(t.Context(), server.client(), "gone", exactly(builder.Spec{Rootless: true}), install.Options{NoWait: true}, nil); err != nil {
		t.Fatal(err)
	}
	removed(server, "pods/gone")
	for name, refuse := range map[string]func(*http.Request, string, string) (int, metav1.StatusReason, string){
		"with the settings": nil, "without permission to see them": forbid("configmaps", ""),
	} {
		server.refuse = refuse
		builders, err := server.client().List(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if refuse != nil {
			if len(builders) != 0 {
				t.Errorf("%s: %+v", name, builders)
			}
			continue
		}
		if len(builders) != 1 || builders[0].Name != "gone" || builders[0].Desired != 1 || len(builders[0].Members) != 0 ||
			builders[0].Adopted || builders[0].Mode != builder.ModeRootless {
			t.Errorf("%s: %+v", name, builders)
		}
	}
}
