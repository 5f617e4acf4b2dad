package cluster_test

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// A builder whose Pods are gone is still one: its settings are there.
func TestListShowsBuildersWithoutPods(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	if _, err := install.Run(t.Context(), clientOf(t, server), "gone", exactly(builder.Spec{Rootless: true}), install.Options{NoWait: true}, nil); err != nil {
		t.Fatal(err)
	}
	server.Delete("pods", "gone")
	for name, forbidden := range map[string]bool{"with the settings": false, "without permission to see them": true} {
		server.Refuse(nil)
		if forbidden {
			server.Refuse(testcluster.Forbidding("configmaps", ""))
		}
		builders, err := clientOf(t, server).List(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if forbidden {
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
