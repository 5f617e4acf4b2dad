package cluster_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func TestList(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{Name: "many", Replicas: 2})
	server.Install(builder.Spec{})
	adopted(server, "theirs", corev1.Container{Name: "main", Image: "moby/buildkit:v0.20"})
	adopted(server, "web", corev1.Container{Name: "web", Image: "nginx"})
	builders, err := clientOf(t, server).List(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range builders {
		line := b.Name
		for _, member := range b.Members {
			line += " " + member.Pod + ":" + member.State
		}
		if b.Adopted {
			line += " adopted"
		}
		got = append(got, line)
	}
	want := []string{"buildkitd buildkitd:Ready", "many many-0:Ready many-1:Ready", "theirs theirs: adopted"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

// A builder whose Pods are gone is still one: its settings are there.
func TestListShowsBuildersWithoutPods(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{Name: "gone", Mode: builder.ModeRootless})
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

// Members that a roll-out has not replaced yet are counted, and known without permission to read
// more than the set; what is not a builder's set says nothing.
func TestOutdatedMembers(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{Name: "many", Replicas: 3})
	server.SetPod("many-2", func(pod *corev1.Pod) { pod.Annotations[builder.AnnotationSpec] = "before" })
	client := clientOf(t, server)
	builders, err := client.List(t.Context(), false)
	if err != nil || len(builders) != 1 || builders[0].Outdated() != 1 {
		t.Fatalf("got %+v (%v)", builders, err)
	}
	wanted := client.Wanted(t.Context(), "many")
	for n, member := range builders[0].Members {
		if member.Outdated(wanted) != (n == 2) || member.Outdated("") {
			t.Errorf("member %d: %+v, wanted %q", n, member, wanted)
		}
	}
	missing := builders[0].Members[2]
	if missing.UID = ""; missing.Outdated(wanted) {
		t.Error("a member that does not exist is outdated")
	}
	server.Refuse(testcluster.Forbidding("statefulsets", ""))
	if got := client.Wanted(t.Context(), "many"); got != "" {
		t.Errorf("without permission: %q", got)
	}
	server.Refuse(nil)
	server.Edit("statefulsets", "many", func(set testcluster.Object) { delete(set["metadata"].(testcluster.Object), "labels") })
	if got := client.Wanted(t.Context(), "many"); got != "" {
		t.Errorf("of another's set: %q", got)
	}
}
