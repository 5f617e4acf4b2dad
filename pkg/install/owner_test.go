package install_test

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// kubectl drain evicts only Pods of which a controller is named.
func TestTheOnlyPodHasAController(t *testing.T) {
	for name, test := range map[string]struct {
		spec builder.Spec
		may  bool
		want int
	}{"one Pod": {builder.Spec{}, true, 1}, "without permission": {builder.Spec{}, false, 0}, "a StatefulSet": {builder.Spec{Replicas: 2}, true, 0}} {
		server := testcluster.New(t)
		if !test.may {
			server.Refuse(testcluster.Forbidding("namespaces", ""))
		}
		if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(test.spec), install.Options{NoWait: true}, nil); err != nil {
			t.Fatal(err)
		}
		workload := server.Object("pods", "buildkitd")
		if workload == nil {
			workload = server.Object("statefulsets", "buildkitd")
		}
		owners, _ := workload["metadata"].(object)["ownerReferences"].([]any)
		if len(owners) != test.want {
			t.Errorf("%s: %v", name, owners)
			continue
		}
		if test.want == 1 {
			if owner := owners[0].(object); owner["controller"] != true || owner["uid"] != testcluster.NamespaceUID || owner["kind"] != "Namespace" {
				t.Errorf("%s: %v", name, owner)
			}
		}
	}
}
