package install_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// hold sets the finalizers of an object, of which there may be none.
func hold(server *testcluster.Cluster, kind, name string, finalizers ...any) {
	server.Edit(kind, name, func(object testcluster.Object) {
		metadata, _ := object["metadata"].(map[string]any)
		metadata["finalizers"] = finalizers
	})
}

// withVolume is a builder with one object of every kind that uninstall removes.
func withVolume(t *testing.T) *testcluster.Cluster {
	t.Helper()
	server := testcluster.New(t)
	server.OnPod(server.Run)
	if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	server.Put("persistentvolumeclaims", &corev1.PersistentVolumeClaim{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
		ObjectMeta: metav1.ObjectMeta{Name: "cache-buildkitd-0", Labels: builder.ObjectLabels("buildkitd")},
	})
	return server
}

// What another program's finalizer keeps is named, of every kind, and is not waited for without
// end; what the program lets go in time, and what the cluster itself keeps a little, is removed.
func TestFinalizersOfOthersAreNamed(t *testing.T) {
	const finalizer = "example.com/hold"
	for _, key := range []string{
		"pods/buildkitd", "secrets/buildkitd-client", "secrets/buildkitd-server", "configmaps/buildkitd-config", "roles/buildkitd-user",
		"persistentvolumeclaims/cache-buildkitd-0",
	} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kind, name, _ := strings.Cut(key, "/")
				server := withVolume(t)
				hold(server, kind, name, finalizer, "kubernetes.io/pvc-protection")
				uninstall := func() error {
					_, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{Purge: true}, nil)
					return err
				}
				start, err := time.Now(), uninstall()
				var held *install.HeldError
				if !errors.As(err, &held) || len(held.Objects) != 1 || held.Objects[0].Name != name || !slices.Contains(held.Objects[0].Finalizers, finalizer) {
					t.Fatalf("got %v", err)
				}
				if took := time.Since(start); took > 11*time.Second {
					t.Errorf("it took %s", took)
				}
				if err := uninstall(); !errors.As(err, &held) {
					t.Errorf("the second time: %v", err)
				}
				if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil); kind != "persistentvolumeclaims" && !errors.As(err, &held) {
					t.Errorf("installing: %v", err)
				}
				time.AfterFunc(5*time.Second, func() { hold(server, kind, name) })
				if err := uninstall(); err != nil || len(server.Names()) > 0 {
					t.Errorf("released in time: %v, there are %v", err, server.Names())
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		server := withVolume(t)
		hold(server, "persistentvolumeclaims", "cache-buildkitd-0", "kubernetes.io/pvc-protection")
		if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{Purge: true}, nil); err != nil {
			t.Errorf("the cluster's own finalizer: %v", err)
		}
	})
}

// A roll-out does not wait without end for a member that a finalizer keeps, nor is it taken back.
func TestRollOutNamesFinalizersOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.SetPod("buildkitd-2", func(pod *corev1.Pod) { pod.Finalizers = []string{"example.com/hold"} })
		start := time.Now()
		_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{}, nil)
		var held *install.HeldError
		if !errors.As(err, &held) || held.Objects[0].Name != "buildkitd-2" {
			t.Fatalf("got %v", err)
		}
		if spec, _ := c.stored(); spec.Image != "v2" || time.Since(start) > 3*time.Minute {
			t.Errorf("after %s the image is %q", time.Since(start), spec.Image)
		}
	})
}
