package install_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

func formerObjects(wanted builder.Spec, certificates *trust.Certificates) (*manifest.Builder, error) {
	return manifest.NewStarted(wanted, certificates, manifest.Started{Certificates: certificates.Fingerprint(), CacheLimits: wanted.CacheLimits()})
}

// former is a builder that runs as a version with the former defaults has made it.
func former(t *testing.T, wanted builder.Spec) *testcluster.Cluster {
	t.Helper()
	server, certificates := testcluster.New(t), testcluster.Issue(t, time.Now())
	class(server, "fast", true)
	server.InstallWith(wanted, certificates)
	objects, err := formerObjects(wanted, certificates)
	if err != nil {
		t.Fatal(err)
	}
	server.Put("configmaps", objects.Config())
	mark := func(made manifest.Object) func(object) {
		return func(there object) {
			there["metadata"].(object)["annotations"].(object)[builder.AnnotationSpec] = made.GetAnnotations()[builder.AnnotationSpec]
		}
	}
	for _, pod := range wanted.MemberNames() {
		server.Edit("pods", pod, mark(objects.Pod))
	}
	if wanted.Stateful() {
		server.Edit("statefulsets", "buildkitd", func(set object) {
			mark(objects.Workload)(set)
			mark(objects.Pod)(set["spec"].(object)["template"].(object))
			set["status"] = object{"readyReplicas": len(wanted.MemberNames())}
		})
	}
	return server
}

// A better default costs no cache: it waits until something else restarts the members.
func TestNewDefaultsReplaceNoPod(t *testing.T) {
	size := resource.MustParse("5Gi")
	pod, set, volumes := spec(), spec(), spec()
	set.Replicas = 2
	volumes.Storage = &size
	for name, wanted := range map[string]builder.Spec{"Pod": pod, "set": set, "volumes": volumes} {
		server := former(t, wanted)
		before := server.UID("pods", wanted.MemberNames()[0])
		config := func() string {
			return server.Object("configmaps", "buildkitd-config")["data"].(object)["buildkitd.toml"].(string)
		}
		server.Forget()
		outcome := mustInstall(t, server, install.Keep)
		writes := slices.DeleteFunc(server.Writes(), func(write string) bool { return strings.HasSuffix(write, "roles/buildkitd-user") })
		if outcome.Change != install.Unchanged || len(writes) > 0 {
			t.Errorf("%s: %s, written: %v", name, outcome.Change, server.Writes())
		}
		outcome = mustInstall(t, server, func(current builder.Spec) (builder.Spec, error) { current.MaxBuilds = 4; return current, nil })
		if outcome.Change != install.Unchanged || outcome.Connection.MaxBuilds != 4 || config() != builder.DefaultConfig {
			t.Errorf("%s: a limit of builds: %s, with %+v and\n%s", name, outcome.Change, outcome.Connection, config())
		}
		if now := server.UID("pods", wanted.MemberNames()[0]); now != before {
			t.Errorf("%s: the Pod is another", name)
		}
		outcome = mustInstall(t, server, func(current builder.Spec) (builder.Spec, error) {
			current.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8")}
			return current, nil
		})
		if outcome.Change == install.Unchanged || !strings.Contains(config(), "[compaction]") {
			t.Errorf("%s: other resources: %s, with\n%s", name, outcome.Change, config())
		}
	}
}

// A Pod that is gone comes back with the new defaults.
func TestRestoredMembersHaveTheNewDefaults(t *testing.T) {
	server := former(t, spec())
	server.Delete("pods", "buildkitd")
	mustInstall(t, server, install.Keep)
	var made corev1.Pod
	server.Read("pods", "buildkitd", &made)
	if !slices.ContainsFunc(made.Spec.Volumes, func(volume corev1.Volume) bool { return volume.Name == "provenance" }) {
		t.Errorf("%+v", made.Spec.Volumes)
	}
}
