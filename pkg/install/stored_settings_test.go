package install_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// asked is a Spec with every setting, of one Pod or of members with volumes.
func asked(t *testing.T, members bool) builder.Spec {
	t.Helper()
	spec := builder.Spec{
		Name: "buildkitd", Namespace: "team", Image: "registry.local/buildkit:v1", Mode: builder.ModeRootless, Config: []byte("debug = true\n"),
		Mirrors: map[string][]string{"docker.io": {"a.local", "b.local"}}, InsecureRegistries: []string{"a.local", "s:5000"},
		RegistryCA: testcluster.Issue(t, time.Now()).CA, ImagePullSecrets: []string{"pull"}, ServiceAccount: "sa",
		NodeSelector: map[string]string{"disk": "ssd"}, Labels: map[string]string{"team": "web"}, Annotations: map[string]string{"owner": "web"},
		Env: []corev1.EnvVar{{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}}, GracePeriod: time.Minute,
	}
	var errs [3]error
	spec.Requests, errs[0] = builder.ParseResources("request", "cpu=1")
	spec.Limits, errs[1] = builder.ParseResources("limit", "memory=2Gi")
	spec.Tolerations, errs[2] = builder.ParseTolerations("a=b:NoSchedule", "c")
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if members {
		size := resource.MustParse("50Gi")
		spec.Replicas, spec.Storage, spec.StorageClass = 3, &size, "fast"
	}
	return spec
}

// Every hint that says "kubectl buildkit install" relies on it.
func TestInstallKeepsTheSettings(t *testing.T) {
	for _, members := range []bool{false, true} {
		server, want := testcluster.New(t), asked(t, members)
		class(server, "fast", false)
		mustInstall(t, server, exactly(want))
		server.Forget()
		if outcome := mustInstall(t, server, install.Keep); outcome.Change != install.Unchanged {
			t.Errorf("members %t: the builder is %s", members, outcome.Change)
		}
		stored, err := install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd")
		if err != nil || len(builder.Differences(want, stored)) > 0 || stored.Name != want.Name || stored.Namespace != want.Namespace {
			t.Errorf("members %t: stored as %+v (%v)", members, builder.Differences(want, stored), err)
		}
	}
}

func class(server *testcluster.Cluster, name string, isDefault bool) {
	server.Put("storageclasses", &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
		Name: name, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": strconv.FormatBool(isDefault)},
	}})
}

func mustInstall(t *testing.T, server *testcluster.Cluster, edit install.Edit) install.Outcome {
	t.Helper()
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit, install.Options{NoWait: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func TestSettingsOfAFormerVersionAreReadFromItsObjects(t *testing.T) {
	for _, members := range []bool{false, true} {
		server, want := testcluster.New(t), asked(t, members)
		class(server, "fast", false)
		objects, err := formerObjects(want, testcluster.Issue(t, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		config := objects.Support[0].(*corev1.ConfigMap)
		delete(config.Data, "settings.json")
		server.Put("configmaps", config)
		server.Put("secrets", objects.Server, objects.Client)
		if members {
			server.Put("statefulsets", objects.Workload)
		} else {
			server.Put("pods", asAdmitted(objects.Pod))
		}
		stored, err := install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd")
		if err != nil || len(builder.Differences(want, stored)) > 0 {
			t.Errorf("members %t: read as %+v (%v)", members, builder.Differences(want, stored), err)
		}
		if outcome := mustInstall(t, server, install.Keep); outcome.Change == install.Replaced {
			t.Errorf("members %t: the builder is %s", members, outcome.Change)
		}
	}
}

// Of a builder whose version stored nothing and whose members are gone, the client's Secret and the
// volumes still say how they ran. That the rest is not known is never silent.
func TestSettingsOfAFormerVersionWithoutItsPods(t *testing.T) {
	size := resource.MustParse("50Gi")
	for name, want := range map[string]builder.Spec{
		"one Pod":          {Mode: builder.ModeRootless},
		"members":          {Mode: builder.ModeRootless, Replicas: 3},
		"one with volume":  {Storage: &size, StorageClass: "fast"},
		"many with volume": {Mode: builder.ModeRootless, Replicas: 3, Storage: &size, StorageClass: "fast"},
	} {
		server := testcluster.New(t)
		class(server, "fast", false)
		want.Name, want.Namespace = "buildkitd", "team"
		objects, err := formerObjects(want, testcluster.Issue(t, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		config := objects.Support[0].(*corev1.ConfigMap)
		delete(config.Data, "settings.json")
		server.Put("configmaps", config)
		server.Put("secrets", objects.Server, objects.Client)
		if set, ok := objects.Workload.(*appsv1.StatefulSet); ok && want.Storage != nil {
			for _, member := range want.MemberNames() {
				claim := set.Spec.VolumeClaimTemplates[0].DeepCopy()
				claim.Name += "-" + member
				server.Put("persistentvolumeclaims", claim)
			}
		}
		stored, err := install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd")
		var partial *install.PartialSettingsError
		if !errors.As(err, &partial) || len(builder.Differences(want, stored)) > 0 {
			t.Errorf("%s: read as %+v (%v)", name, builder.Differences(want, stored), err)
		}
		var seen events
		_, err = install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true}, seen.report)
		if err != nil || !slices.ContainsFunc(seen.list, func(e install.Event) bool { return strings.Contains(e.Message, partial.Error()) }) {
			t.Errorf("%s: %v, %+v", name, err, seen.list)
		}
		if stored, err = install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd"); err != nil || len(builder.Differences(want, stored)) > 0 {
			t.Errorf("%s: installed as %+v (%v)", name, builder.Differences(want, stored), err)
		}
	}
}

// asAdmitted is a Pod with what the API server adds to it.
func asAdmitted(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	seconds := int64(300)
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
		Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
	})
	pod.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = pod.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory]
	pod.Spec.NodeName = "node-1"
	return pod
}

func TestStoredSpecOfNoBuilder(t *testing.T) {
	var missing *cluster.NotFoundError
	if _, err := install.StoredSpec(t.Context(), clientOf(t, testcluster.New(t)), "buildkitd"); !errors.As(err, &missing) {
		t.Errorf("got %v; want a NotFoundError", err)
	}
}

func TestStoredSpecWithoutPods(t *testing.T) {
	server := testcluster.New(t)
	want := asked(t, false)
	mustInstall(t, server, exactly(want))
	server.Delete("pods", "buildkitd")
	stored, err := install.StoredSpec(t.Context(), clientOf(t, server), "buildkitd")
	if err != nil || len(builder.Differences(want, stored)) > 0 {
		t.Errorf("stored as %+v (%v)", stored, err)
	}
}

func TestSettingsThatCannotBeReadAreNotOverwritten(t *testing.T) {
	server := testcluster.New(t)
	mustInstall(t, server, install.Keep)
	server.Set("configmaps", "buildkitd-config", object{"data": object{"settings.json": `{"version":7}`}})
	server.Forget()
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true}, nil)
	var version *usage.Error
	if !errors.As(err, &version) || len(server.Writes()) > 0 {
		t.Errorf("got %v, and writes %v", err, server.Writes())
	}
}
