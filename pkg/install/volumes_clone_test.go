package install_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

const newClaim = "cache-buildkitd-2"

// scaling is a builder of two members that is about to get a third, whose Pod is there, as the
// set's controller makes it, and waits for its volume.
func scaling(t *testing.T) *testcluster.Cluster {
	t.Helper()
	server := testcluster.New(t)
	class(server, "fast", true)
	spec := stored("1Gi", "")
	spec.Replicas = 3
	server.Install(spec)
	server.Edit("statefulsets", "buildkitd", func(set object) { set["spec"].(object)["replicas"] = 2.0 })
	server.SetPod("buildkitd-2", func(pod *corev1.Pod) { pod.Spec.NodeName, pod.Status = "", corev1.PodStatus{Phase: corev1.PodPending} })
	for _, name := range []string{"cache-buildkitd-0", "cache-buildkitd-1"} {
		volume(server, name, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
		bind(server, name, "1Gi")
	}
	server.Forget()
	return server
}

func bind(server *testcluster.Cluster, claim, size string) {
	server.Edit("persistentvolumeclaims", claim, func(live object) {
		live["spec"].(object)["volumeName"] = "pv-" + claim
		live["status"] = object{"phase": "Bound", "capacity": object{"storage": size}}
	})
}

// driver answers the creation of the new member's claim, and the deletion of its Pod by making
// another one that starts, as the controller and a driver do.
func driver(server *testcluster.Cluster, created func()) {
	server.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
		dry := r.URL.Query().Get("dryRun") != ""
		switch {
		case kind == "persistentvolumeclaims" && r.Method == http.MethodPost && !dry:
			time.AfterFunc(time.Second, created)
		case kind == "pods" && r.Method == http.MethodDelete && name == "buildkitd-2":
			pod := &corev1.Pod{}
			server.Read("pods", name, pod)
			pod.UID = "next"
			time.AfterFunc(time.Second, func() {
				server.Put("pods", pod)
				server.Run(name)
			})
		}
		return nil
	})
}

func thirdMember(s *builder.Spec) { s.Replicas = 3 }

func runWarm(t *testing.T, server *testcluster.Cluster, options install.Options) (lines []string, took time.Duration) {
	t.Helper()
	var seen events
	begin := time.Now()
	if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(thirdMember), options, seen.report); err != nil {
		t.Fatal(err)
	}
	for _, event := range seen.list {
		lines = append(lines, event.Message)
	}
	return lines, time.Since(begin)
}

func TestANewMemberStartsWithACloneOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := scaling(t)
		driver(server, func() {
			bind(server, newClaim, "1Gi")
			server.Run("buildkitd-2")
		})
		lines, _ := runWarm(t, server, install.Options{})
		claim := &corev1.PersistentVolumeClaim{}
		server.Read("persistentvolumeclaims", newClaim, claim)
		if source := claim.Spec.DataSource; source == nil || source.Kind != "PersistentVolumeClaim" || source.Name != "cache-buildkitd-0" || *claim.Spec.StorageClassName != "fast" {
			t.Errorf("the claim: %+v", claim.Spec)
		}
		if claim.Labels[builder.LabelInstance] != "buildkitd" {
			t.Errorf("labels %v", claim.Labels)
		}
		if text := strings.Join(lines, "\n"); !strings.Contains(text, newClaim+" created as a clone of cache-buildkitd-0") || strings.Contains(text, "cold") {
			t.Errorf("events:\n%s", text)
		}
	})
}

func TestANewMemberStartsColdWhereItsVolumeIsNotCloned(t *testing.T) {
	for name, test := range map[string]struct {
		created func(server *testcluster.Cluster)
		says    string
		within  time.Duration
	}{
		"the driver reports it": {func(server *testcluster.Cluster) {
			server.Put("events", &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "failed"}, Type: "Warning", Reason: "ProvisioningFailed", Message: "this driver does not clone",
				InvolvedObject: corev1.ObjectReference{
					Kind: "PersistentVolumeClaim", Name: newClaim, UID: types.UID(server.UID("persistentvolumeclaims", newClaim)),
				},
			})
		}, "starts cold: this driver does not clone", 15 * time.Second},
		"the driver says nothing": {func(*testcluster.Cluster) {}, "starts cold: the volume of cache-buildkitd-0 was not cloned within 1m0s", 70 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := scaling(t)
				driver(server, func() { test.created(server) })
				lines, took := runWarm(t, server, install.Options{})
				if !slices.Contains(lines, test.says) || took > test.within {
					t.Errorf("after %s:\n%s", took, strings.Join(lines, "\n"))
				}
				if slices.Contains(server.Names(), "persistentvolumeclaims/"+newClaim) {
					t.Error("the claim that nothing fills is still there")
				}
			})
		})
	}
}

// A volume that has content is never given up, whatever is reported of it.
func TestAClaimWithAVolumeIsNeverGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := scaling(t)
		driver(server, func() {
			bind(server, newClaim, "1Gi")
			time.AfterFunc(3*time.Minute, func() { server.Run("buildkitd-2") })
		})
		runWarm(t, server, install.Options{})
		if slices.ContainsFunc(server.Writes(), func(write string) bool { return strings.HasPrefix(write, "DELETE") }) {
			t.Errorf("writes %q", server.Writes())
		}
	})
}

// A clone that an interrupted install has left without a volume is given up by the next one.
func TestACloneOfAnEarlierInstallIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := scaling(t)
		volume(server, newClaim, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
		server.Edit("persistentvolumeclaims", newClaim, func(live object) {
			live["metadata"].(object)["creationTimestamp"] = time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
			live["metadata"].(object)["annotations"] = object{builder.AnnotationClone: "cache-buildkitd-0"}
			live["spec"].(object)["dataSource"] = object{"kind": "PersistentVolumeClaim", "name": "cache-buildkitd-0"}
		})
		driver(server, nil)
		if _, took := runWarm(t, server, install.Options{}); took > 15*time.Second || slices.Contains(server.Names(), "persistentvolumeclaims/"+newClaim) {
			t.Errorf("after %s there are %q", took, server.Names())
		}
	})
}

func TestANewMemberStartsColdAndItIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(server *testcluster.Cluster)
		options install.Options
		says    string
	}{
		"without waiting": {func(*testcluster.Cluster) {}, install.Options{NoWait: true}, "starts cold: a clone of a volume needs an install that waits"},
		"without permission": {func(server *testcluster.Cluster) {
			server.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
				if kind == "persistentvolumeclaims" && r.Method == http.MethodPost {
					server.Run("buildkitd-2")
					return testcluster.Forbidden("create", kind, name)
				}
				return nil
			})
		}, install.Options{}, "starts cold:"},
		"of a larger volume": {func(server *testcluster.Cluster) {
			bind(server, "cache-buildkitd-0", "3Gi")
			server.Run("buildkitd-2")
		}, install.Options{}, "starts cold: the volume of cache-buildkitd-0 is larger (3Gi)"},
	} {
		t.Run(name, func(t *testing.T) {
			server := scaling(t)
			test.prepare(server)
			lines, _ := runWarm(t, server, test.options)
			if !strings.Contains(strings.Join(lines, "\n"), test.says) || slices.Contains(server.Names(), "persistentvolumeclaims/"+newClaim) {
				t.Errorf("events:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}
