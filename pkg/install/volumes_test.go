package install_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func quantity(text string) *resource.Quantity {
	parsed := resource.MustParse(text)
	return &parsed
}

// volume puts a claim in place, as the controller of a set makes it.
func volume(s *testcluster.Cluster, name, size, class string, labels map[string]string) {
	s.Put("persistentvolumeclaims", &corev1.PersistentVolumeClaim{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
		},
	})
}

func sizes(s *testcluster.Cluster) []string {
	var list []string
	for _, name := range s.Names() {
		if name, isClaim := strings.CutPrefix(name, "persistentvolumeclaims/"); isClaim {
			requests := s.Object("persistentvolumeclaims", name)["spec"].(object)["resources"].(object)["requests"].(object)
			list = append(list, strings.TrimPrefix(name, "cache-buildkitd-")+":"+requests["storage"].(string))
		}
	}
	slices.Sort(list)
	return list
}

func withStorage(size, class string) func(*builder.Spec) {
	return func(s *builder.Spec) { s.Replicas, s.Storage, s.StorageClass = 2, quantity(size), class }
}

func stored(size, class string) builder.Spec {
	return builder.Spec{Replicas: 2, Storage: quantity(size), StorageClass: class}
}

func edit(change func(*builder.Spec)) install.Edit {
	return func(s builder.Spec) (builder.Spec, error) { change(&s); return s, nil }
}

func TestVolumesGrowUnderTheirMembers(t *testing.T) {
	server := testcluster.New(t)
	class(server, "fast", true)
	server.Install(stored("1Gi", ""))
	for _, name := range []string{"cache-buildkitd-0", "cache-buildkitd-1"} {
		volume(server, name, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
	}
	server.Forget()
	outcome := mustInstall(t, server, edit(withStorage("2Gi", "")))
	if got := sizes(server); outcome.Change != install.Configured || !slices.Equal(got, []string{"0:2Gi", "1:2Gi"}) {
		t.Errorf("%s; sizes %v", outcome.Change, got)
	}
	for _, name := range []string{"pods/buildkitd-0", "pods/buildkitd-1", "statefulsets/buildkitd"} {
		if !slices.Contains(server.Names(), name) {
			t.Errorf("%s is gone; writes %v", name, server.Writes())
		}
	}
	if stored, err := install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd"); err != nil || stored.Storage.String() != "2Gi" {
		t.Errorf("stored: %+v (%v)", stored.Storage, err)
	}
}

func TestVolumesThatWereKeptAreNeverReusedInAnotherSizeSilently(t *testing.T) {
	server := testcluster.New(t)
	class(server, "fast", true)
	volume(server, "cache-buildkitd-0", "1Gi", "fast", builder.ObjectLabels("buildkitd"))
	mustInstall(t, server, edit(withStorage("2Gi", "fast")))
	if got := sizes(server); !slices.Equal(got, []string{"0:2Gi"}) {
		t.Errorf("sizes %v", got)
	}
}

func TestVolumesThatCannotBeAreRefusedBeforeAnythingChanges(t *testing.T) {
	ours := builder.ObjectLabels("buildkitd")
	cases := map[string]struct {
		there  func(s *testcluster.Cluster)
		wanted func(*builder.Spec)
		reason install.StorageReason
	}{
		"no default class": {func(*testcluster.Cluster) {}, withStorage("1Gi", ""), install.NoDefaultClass},
		"no such class":    {func(s *testcluster.Cluster) { class(s, "slow", true) }, withStorage("1Gi", "fast"), install.NoSuchClass},
		"smaller than kept": {func(s *testcluster.Cluster) { volume(s, "cache-buildkitd-1", "2Gi", "slow", ours) },
			withStorage("1Gi", ""), install.Smaller},
		"kept, of another class": {func(s *testcluster.Cluster) { volume(s, "cache-buildkitd-0", "1Gi", "slow", ours) },
			withStorage("1Gi", "fast"), install.OtherClass},
		"kept, cannot grow": {func(s *testcluster.Cluster) {
			volume(s, "cache-buildkitd-0", "1Gi", "slow", ours)
			s.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
				if kind == "persistentvolumeclaims" && r.Method == http.MethodPatch {
					return testcluster.Failure(403, metav1.StatusReasonForbidden, `persistentvolumeclaims "cache-buildkitd-0" is forbidden: only dynamically provisioned pvc can be resized`)
				}
				return nil
			})
		}, withStorage("2Gi", ""), install.CannotGrow},
		"smaller":       {func(s *testcluster.Cluster) { s.Install(stored("2Gi", "")) }, withStorage("1Gi", ""), install.Smaller},
		"another class": {func(s *testcluster.Cluster) { s.Install(stored("2Gi", "slow")) }, withStorage("2Gi", "fast"), install.OtherClass},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			test.there(server)
			server.Forget()
			_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(test.wanted), install.Options{}, nil)
			var storage *install.StorageError
			if !errors.As(err, &storage) || storage.Reason != test.reason || len(server.Writes()) > 0 {
				t.Errorf("got %v, and writes %v; want %s", err, server.Writes(), test.reason)
			}
		})
	}
	server := testcluster.New(t)
	volume(server, "cache-buildkitd-0", "1Gi", "", nil)
	var foreign *install.ForeignError
	if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(withStorage("1Gi", "")), install.Options{NoWait: true}, nil); !errors.As(err, &foreign) {
		t.Errorf("another's claim: %v", err)
	}
}

// An install that does not wait may come before its StorageClass.
func TestVolumesWhoseClassMayFollow(t *testing.T) {
	server := testcluster.New(t)
	warned := ""
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(withStorage("1Gi", "later")), install.Options{NoWait: true}, func(e install.Event) {
		if e.Kind == install.EventWarning {
			warned = e.Message
		}
	})
	if err != nil || !strings.Contains(warned, `StorageClass "later" not found`) {
		t.Errorf("%v; warned of %q", err, warned)
	}
}

// Classes are the cluster's: many who install may not read them.
func TestVolumesWithoutPermissionToReadClasses(t *testing.T) {
	server := testcluster.New(t)
	server.Refuse(testcluster.Forbidding("storageclasses", ""))
	mustInstall(t, server, edit(withStorage("1Gi", "")))
}

func TestVolumesThatAnAdministratorMade(t *testing.T) {
	server := testcluster.New(t)
	server.Put("persistentvolumes", &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-1"}, Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
	})
	mustInstall(t, server, edit(withStorage("1Gi", "")))
}
