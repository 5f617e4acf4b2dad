package install_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// grown is a builder of two members whose volumes have 1Gi each.
func grown(t *testing.T) *testcluster.Cluster {
	t.Helper()
	server := testcluster.New(t)
	class(server, "fast", true)
	server.Install(stored("1Gi", ""))
	for _, name := range []string{"cache-buildkitd-0", "cache-buildkitd-1"} {
		volume(server, name, "1Gi", "fast", builder.ObjectLabels("buildkitd"))
	}
	server.Forget()
	return server
}

func setOf(t *testing.T, server *testcluster.Cluster) *appsv1.StatefulSet {
	t.Helper()
	set := &appsv1.StatefulSet{}
	server.Read("statefulsets", "buildkitd", set)
	return set
}

// The daemon's limits depend on the size of its volume and are arguments: to change them would
// restart the members, which growing does not. Whatever else restarts them brings the new limits.
func TestGrowingLeavesTheMembersAlone(t *testing.T) {
	server := grown(t)
	before := setOf(t, server).Spec.Template
	for n := range 2 {
		outcome := mustInstall(t, server, edit(withStorage("2Gi", "")))
		if outcome.FormerLimits != (n == 0) {
			t.Errorf("install %d: the former limits are reported: %t", n, outcome.FormerLimits)
		}
		now := setOf(t, server)
		if !equalJSON(before, now.Spec.Template) {
			t.Fatalf("%s: the members restart with\n%v", outcome.Change, now.Spec.Template.Spec.Containers[0].Args)
		}
		if got := now.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().String(); got != "2Gi" {
			t.Errorf("the template says %s", got)
		}
	}
	if outcome := mustInstall(t, server, install.Keep); outcome.Change != install.Unchanged {
		t.Errorf("the next install: %s", outcome.Change)
	}
	mustInstall(t, server, edit(func(s *builder.Spec) { s.Image = "other" }))
	want := builder.Spec{Storage: quantity("2Gi")}.CacheLimits()
	if got := setOf(t, server).Spec.Template.Spec.Containers[0].Args; !slices.Contains(got, want) {
		t.Errorf("a member that is replaced anyway has %q, want %s", got, want)
	}
}

// An install that ended after any of its writes is finished by the next one, and no Pod goes.
func TestGrowingThatEndsAnywhereIsFinished(t *testing.T) {
	whole := grown(t)
	mustInstall(t, whole, edit(withStorage("2Gi", "")))
	writes := len(whole.Writes())
	if writes < 4 { // settings, two claims, the set twice
		t.Fatalf("%d writes: %q", writes, whole.Writes())
	}
	for last := range writes {
		server := grown(t)
		before := setOf(t, server).Spec.Template
		done := 0
		server.Refuse(func(r *http.Request, _, _ string) *metav1.Status {
			if r.Method == http.MethodGet || r.URL.Query().Get("dryRun") != "" || strings.Contains(r.URL.Path, "selfsubject") {
				return nil
			}
			if done++; done > last {
				return testcluster.Failure(500, metav1.StatusReasonInternalError, "the server is down")
			}
			return nil
		})
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(withStorage("2Gi", "")), install.Options{NoWait: true}, nil)
		if err == nil {
			t.Fatalf("after %d writes nothing failed", last)
		}
		server.Refuse(nil)
		mustInstall(t, server, edit(withStorage("2Gi", "")))
		now := setOf(t, server)
		if got := sizes(server); !slices.Equal(got, []string{"0:2Gi", "1:2Gi"}) || !equalJSON(before, now.Spec.Template) {
			t.Errorf("after %d writes: sizes %v, arguments %v", last, got, now.Spec.Template.Spec.Containers[0].Args)
		}
		for _, name := range []string{"pods/buildkitd-0", "pods/buildkitd-1"} {
			if !slices.Contains(server.Names(), name) {
				t.Errorf("after %d writes %s is gone", last, name)
			}
		}
	}
}

// A quota that has room for the first volume only is seen before that one grows.
func TestGrowingBeyondTheQuotaIsRefusedBeforeAnythingChanges(t *testing.T) {
	for name, test := range map[string]struct {
		message, fits string
	}{
		"room":    {"exceeded quota: q, requested: requests.storage=8Gi, used: requests.storage=2Gi, limited: requests.storage=6Gi", "3Gi"},
		"no room": {"exceeded quota: q, requested: requests.storage=8Gi, used: requests.storage=2Gi, limited: requests.storage=3Gi", ""},
		"of a class": {"exceeded quota: q, requested: fast.storageclass.storage.k8s.io/requests.storage=8Gi, " +
			"used: fast.storageclass.storage.k8s.io/requests.storage=2Gi, limited: fast.storageclass.storage.k8s.io/requests.storage=4Gi", "2Gi"},
	} {
		server := grown(t)
		server.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
			if kind != "persistentvolumeclaims" || !strings.Contains(bodyOf(t, r), `"9Gi"`) { // 1Gi, and 4Gi more for each
				return nil
			}
			return testcluster.Failure(403, metav1.StatusReasonForbidden, `persistentvolumeclaims "cache-buildkitd-0" is forbidden: `+test.message)
		})
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(withStorage("5Gi", "")), install.Options{NoWait: true}, nil)
		if problem := storageError(err); problem == nil || problem.Reason != install.Refused || problem.Fits != test.fits || len(server.Writes()) > 0 {
			t.Errorf("%s: %v (%+v), and writes %q", name, err, problem, server.Writes())
		}
	}
}

// The same holds for volumes that are new.
func TestNewVolumesBeyondTheQuotaAreRefusedBeforeAnythingChanges(t *testing.T) {
	server := testcluster.New(t)
	class(server, "fast", true)
	server.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
		if kind != "persistentvolumeclaims" || !strings.Contains(bodyOf(t, r), `"4Gi"`) {
			return nil
		}
		return testcluster.Failure(403, metav1.StatusReasonForbidden, `persistentvolumeclaims "x" is forbidden: `+
			"exceeded quota: q, requested: requests.storage=4Gi, used: requests.storage=0, limited: requests.storage=3Gi")
	})
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(withStorage("2Gi", "")), install.Options{NoWait: true}, nil)
	if problem := storageError(err); problem == nil || problem.Reason != install.Refused || problem.Fits != "1Gi" || len(server.Writes()) > 0 {
		t.Errorf("%v (%+v), and writes %q", err, problem, server.Writes())
	}
}

// interrupted is a builder whose growing volumes have cost it its set: its members are orphans.
func interrupted(t *testing.T) *testcluster.Cluster {
	t.Helper()
	server := grown(t)
	server.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
		if kind == "statefulsets" && r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") == "" {
			return testcluster.Failure(500, metav1.StatusReasonInternalError, "the server is down")
		}
		return nil
	})
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit(withStorage("2Gi", "")), install.Options{NoWait: true}, nil)
	if err == nil || slices.Contains(server.Names(), "statefulsets/buildkitd") || !slices.Contains(server.Names(), "pods/buildkitd-0") {
		t.Fatalf("%v; there are %q", err, server.Names())
	}
	server.Refuse(nil)
	return server
}

func TestMembersWithoutTheirSet(t *testing.T) {
	t.Run("are removed with their builder", func(t *testing.T) {
		server := interrupted(t)
		if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{NoWait: true}, nil); err != nil {
			t.Fatal(err)
		}
		if names := server.Names(); slices.Contains(names, "pods/buildkitd-0") || slices.Contains(names, "pods/buildkitd-1") {
			t.Errorf("left: %q", names)
		}
	})
	t.Run("survive an install that is interrupted", func(t *testing.T) {
		server := interrupted(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := install.Run(ctx, clientOf(t, server), "buildkitd", install.Keep, install.Options{Probe: func(context.Context, cluster.Member, *cluster.Connection) error {
			cancel()
			return context.Canceled
		}}, nil)
		if names := server.Names(); err == nil || !slices.Contains(names, "pods/buildkitd-0") || !slices.Contains(names, "statefulsets/buildkitd") {
			t.Errorf("%v; there are %q", err, names)
		}
	})
}
