package cluster_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
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
	adopted(server, "theirs", corev1.Container{Name: "buildkitd"})
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

func TestExplain(t *testing.T) {
	cases := map[string]struct {
		happens func(s *testcluster.Cluster)
		cause   cluster.Cause
		says    string
	}{
		"deleted": {func(s *testcluster.Cluster) {
			s.Delete("pods", "buildkitd")
		}, cluster.CauseDeleted, `Pod "buildkitd" is gone`},
		"a moment later": {func(s *testcluster.Cluster) {
			time.AfterFunc(500*time.Millisecond, func() {
				s.Terminating("buildkitd")
			})
		}, cluster.CauseTerminating, "being deleted"},
		"evicted, after its container": {func(s *testcluster.Cluster) {
			gone := testcluster.Status(object{"terminated": object{"exitCode": 137, "reason": "ContainerStatusUnknown"}})
			s.Set("pods", "buildkitd", object{"status": gone})
			time.AfterFunc(500*time.Millisecond, func() {
				s.Set("pods", "buildkitd", object{"status": object{"phase": "Failed", "reason": "Evicted", "message": "disk"}})
			})
		}, cluster.CauseEvicted, "Evicted: disk"},
		"nothing": {func(*testcluster.Cluster) {}, cluster.CauseNone, `runs on node "node-1"`},
		"crashed": {func(s *testcluster.Cluster) {
			s.Set("pods", "buildkitd", object{"status": testcluster.Status(object{"terminated": object{"exitCode": 2, "reason": "Error"}})})
		}, cluster.CauseExited, "exit code 2"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testcluster.New(t)
			server.Log("panic: out of luck\n")
			server.Install(builder.Spec{})
			client := clientOf(t, server)
			member, _, err := client.Resolve(t.Context(), "buildkitd", cluster.Selection{})
			if err != nil {
				t.Fatal(err)
			}
			test.happens(server)
			diagnosis, err := client.Explain(t.Context(), member)
			if err != nil || diagnosis.Cause != test.cause || !strings.Contains(diagnosis.Message, test.says) {
				t.Errorf("got %+v, %v", diagnosis, err)
			}
			if test.cause == cluster.CauseExited && !slices.Equal(diagnosis.Logs, []string{"panic: out of luck"}) {
				t.Errorf("logs: %q", diagnosis.Logs)
			}
		})
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
