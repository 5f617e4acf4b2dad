package install_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func TestUninstallRemovesWhatInstallMade(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	client := clientOf(t, server)
	for _, name := range []string{"buildkitd", "other"} {
		if _, err := install.Run(t.Context(), client, name, install.Keep, install.Options{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	others := slices.DeleteFunc(server.Names(), func(name string) bool {
		return !slices.Contains([]string{
			"configmaps/other-config", "pods/other", "roles/other-user", "secrets/other-client", "secrets/other-server"}, name)
	})
	removal, err := install.Uninstall(t.Context(), client, "buildkitd", install.UninstallOptions{}, nil)
	if err != nil || len(removal.Removed) != 5 {
		t.Errorf("removed %v, %v", removal.Removed, err)
	}
	if got := server.Names(); !slices.Equal(got, others) {
		t.Errorf("there are %v; want %v", got, others)
	}
	_, err = install.Uninstall(t.Context(), client, "buildkitd", install.UninstallOptions{}, nil)
	var missing *cluster.NotFoundError
	if !errors.As(err, &missing) || !slices.Equal(missing.Others, []string{"other"}) {
		t.Errorf("got %v", err)
	}
}

func TestUninstallLeavesForeignObjectsAlone(t *testing.T) {
	server := testcluster.New(t)
	server.Put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "buildkitd"}}}})
	_, err := install.Uninstall(t.Context(), clientOf(t, server), "theirs", install.UninstallOptions{}, nil)
	var foreign *install.ForeignError
	if !errors.As(err, &foreign) || len(server.Writes()) > 0 {
		t.Errorf("got %v, written: %v", err, server.Writes())
	}
}

// A Secret that merely has the name of ours stays, also when the builder goes.
func TestUninstallTakesOnlyItsOwn(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	server.Put("roles", &rbacv1.Role{
		TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"}, ObjectMeta: metav1.ObjectMeta{Name: "buildkitd-user"},
	})
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := server.Names(); !slices.Equal(got, []string{"roles/buildkitd-user"}) {
		t.Errorf("there are %v", got)
	}
}

func TestUninstallWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.Lingers = 300 * time.Millisecond
		server.Install(builder.Spec{})
		start := time.Now()
		if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < server.Lingers || len(server.Names()) > 0 {
			t.Errorf("after %s there are %v", took, server.Names())
		}
		server.Install(builder.Spec{})
		server.Lingers = time.Hour
		if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{NoWait: true}, nil); err != nil {
			t.Fatal(err)
		}
		server.Install(builder.Spec{Name: "busy"})
		_, err := install.Uninstall(t.Context(), clientOf(t, server), "busy", install.UninstallOptions{Timeout: 100 * time.Millisecond}, nil)
		if err == nil || !strings.Contains(err.Error(), "still run after 100ms") {
			t.Errorf("got %v", err)
		}
	})
}

func TestUninstallKeepsVolumesUnlessPurged(t *testing.T) {
	for _, purge := range []bool{false, true} {
		server := testcluster.New(t)
		server.Install(builder.Spec{})
		server.Put("persistentvolumeclaims", &corev1.PersistentVolumeClaim{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			ObjectMeta: metav1.ObjectMeta{Name: "cache-buildkitd-0", Labels: builder.ObjectLabels("buildkitd")},
		})
		removal, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{Purge: purge}, nil)
		if err != nil {
			t.Fatal(err)
		}
		claim := kube.Reference{Kind: "PersistentVolumeClaim", Name: "cache-buildkitd-0"}
		if slices.Contains(removal.Removed, claim) != purge || slices.Contains(removal.Kept, claim) == purge {
			t.Errorf("purge %t: removed %v, kept %v", purge, removal.Removed, removal.Kept)
		}
		if slices.Contains(server.Names(), "persistentvolumeclaims/cache-buildkitd-0") == purge {
			t.Errorf("purge %t: there are %v", purge, server.Names())
		}
	}
}

// A set that may not be seen may exist: its Secrets and settings stay with it.
func TestUninstallOfMembersThatMayNotBeSeen(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{Replicas: 3})
	server.Refuse(testcluster.Forbidding("statefulsets", ""))
	server.Forget()
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil); !apierrors.IsForbidden(err) {
		t.Errorf("got %v; want the refusal", err)
	}
	if writes := server.Writes(); len(writes) > 0 {
		t.Errorf("writes %v", writes)
	}
}
