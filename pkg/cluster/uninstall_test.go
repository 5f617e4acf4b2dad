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
)

func TestUninstallRemovesWhatInstallMade(t *testing.T) {
	server := newServer(t)
	server.onPod = running
	client := server.client()
	for _, name := range []string{"buildkitd", "other"} {
		if _, err := install.Run(t.Context(), client, name, install.Keep, install.Options{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	others := slices.DeleteFunc(server.names(), func(name string) bool {
		return !slices.Contains([]string{
			"configmaps/other-config", "pods/other", "roles/other-user", "secrets/other-client", "secrets/other-server"}, name)
	})
	removal, err := install.Uninstall(t.Context(), client, "buildkitd", install.UninstallOptions{}, nil)
	if err != nil || len(removal.Removed) != 5 {
		t.Errorf("removed %v, %v", removal.Removed, err)
	}
	if got := server.names(); !slices.Equal(got, others) {
		t.Errorf("there are %v; want %v", got, others)
	}
	_, err = install.Uninstall(t.Context(), client, "buildkitd", install.UninstallOptions{}, nil)
	var missing *cluster.NotFoundError
	if !errors.As(err, &missing) || !slices.Equal(missing.Others, []string{"other"}) {
		t.Errorf("got %v", err)
	}
}

func TestUninstallLeavesForeignObjectsAlone(t *testing.T) {
	server := newServer(t)
	adopted(server, "theirs", corev1.Container{Name: "buildkitd"})
	_, err := install.Uninstall(t.Context(), server.client(), "theirs", install.UninstallOptions{}, nil)
	var foreign *install.ForeignError
	if !errors.As(err, &foreign) || len(server.writes()) > 0 {
		t.Errorf("got %v, written: %v", err, server.writes())
	}
}

// A Secret that merely has the name of ours stays, also when the builder goes.
func TestUninstallTakesOnlyItsOwn(t *testing.T) {
	server := newServer(t)
	installed(t, server, func(*builder.Spec) {})
	server.put("roles", &rbacv1.Role{
		TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"}, ObjectMeta: metav1.ObjectMeta{Name: "buildkitd-user"},
	})
	if _, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := server.names(); !slices.Equal(got, []string{"roles/buildkitd-user"}) {
		t.Errorf("there are %v", got)
	}
}

func TestUninstallWaitsForTheEnd(t *testing.T) {
	server := newServer(t)
	server.lingers = 300 * time.Millisecond
	installed(t, server, func(*builder.Spec) {})
	start := time.Now()
	if _, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < server.lingers || len(server.names()) > 0 {
		t.Errorf("after %s there are %v", took, server.names())
	}
	installed(t, server, func(*builder.Spec) {})
	server.lingers = time.Hour
	if _, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{NoWait: true}, nil); err != nil {
		t.Fatal(err)
	}
	installed(t, server, func(s *builder.Spec) { s.Name = "busy" })
	_, err := install.Uninstall(t.Context(), server.client(), "busy", install.UninstallOptions{Timeout: 100 * time.Millisecond}, nil)
	if err == nil || !strings.Contains(err.Error(), "still run after 100ms") {
		t.Errorf("got %v", err)
	}
}

func TestUninstallKeepsVolumesUnlessPurged(t *testing.T) {
	for _, purge := range []bool{false, true} {
		server := newServer(t)
		installed(t, server, func(*builder.Spec) {})
		server.put("persistentvolumeclaims", &corev1.PersistentVolumeClaim{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			ObjectMeta: metav1.ObjectMeta{Name: "cache-buildkitd-0", Labels: builder.ObjectLabels("buildkitd")},
		})
		removal, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{Purge: purge}, nil)
		if err != nil {
			t.Fatal(err)
		}
		claim := kube.Reference{Kind: "PersistentVolumeClaim", Name: "cache-buildkitd-0"}
		if slices.Contains(removal.Removed, claim) != purge || slices.Contains(removal.Kept, claim) == purge {
			t.Errorf("purge %t: removed %v, kept %v", purge, removal.Removed, removal.Kept)
		}
		if slices.Contains(server.names(), "persistentvolumeclaims/cache-buildkitd-0") == purge {
			t.Errorf("purge %t: there are %v", purge, server.names())
		}
	}
}

func TestList(t *testing.T) {
	server := newServer(t)
	installed(t, server, func(s *builder.Spec) { s.Name, s.Replicas = "many", 2 })
	installed(t, server, func(*builder.Spec) {})
	adopted(server, "theirs", corev1.Container{Name: "main", Image: "moby/buildkit:v0.20"})
	adopted(server, "web", corev1.Container{Name: "web", Image: "nginx"})
	builders, err := server.client().List(t.Context(), false)
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
		happens func(s *apiServer)
		cause   cluster.Cause
		says    string
	}{
		"deleted": {func(s *apiServer) {
			s.mu.Lock()
			s.removeLocked("pods/buildkitd")
			s.mu.Unlock()
		}, cluster.CauseDeleted, `Pod "buildkitd" is gone`},
		"a moment later": {func(s *apiServer) {
			time.AfterFunc(500*time.Millisecond, func() {
				s.set("pods", "buildkitd", object{"deletionTimestamp": "2026-01-01T00:00:00Z"})
			})
		}, cluster.CauseTerminating, "being deleted"},
		"evicted, after its container": {func(s *apiServer) {
			gone := podStatus(object{"terminated": object{"exitCode": 137, "reason": "ContainerStatusUnknown"}})
			s.set("pods", "buildkitd", object{"status": gone})
			time.AfterFunc(500*time.Millisecond, func() {
				s.set("pods", "buildkitd", object{"status": object{"phase": "Failed", "reason": "Evicted", "message": "disk"}})
			})
		}, cluster.CauseEvicted, "Evicted: disk"},
		"nothing": {func(*apiServer) {}, cluster.CauseNone, `runs on node "node-1"`},
		"crashed": {func(s *apiServer) {
			s.set("pods", "buildkitd", object{"status": podStatus(object{"terminated": object{"exitCode": 2, "reason": "Error"}})})
		}, cluster.CauseExited, "exit code 2"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.logs = "panic: out of luck\n"
			installed(t, server, func(*builder.Spec) {})
			client := server.client()
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
	server := newServer(t)
	installed(t, server, func(s *builder.Spec) { s.Replicas = 3 })
	server.refuse = forbid("statefulsets", "")
	server.forget()
	if _, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{}, nil); !apierrors.IsForbidden(err) {
		t.Errorf("got %v; want the refusal", err)
	}
	if writes := server.writes(); len(writes) > 0 {
		t.Errorf("writes %v", writes)
	}
}
