package kube_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

func config(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "config"}, Data: data,
	}
}

// An object is made, found, changed and removed, each time only as it was seen.
func TestObjects(t *testing.T) {
	server := testcluster.New(t)
	c := clientOf(t, server)
	if ok, err := c.GetIfExists(t.Context(), kube.KindConfigMap, "config", &corev1.ConfigMap{}); ok || err != nil {
		t.Errorf("before: %t, %v", ok, err)
	}
	for _, dry := range []bool{true, false} {
		if created, err := c.Apply(t.Context(), config(map[string]string{"a": "1"}), nil, dry); !created || err != nil {
			t.Errorf("dry %t: %t, %v", dry, created, err)
		}
	}
	if writes := server.Writes(); !slices.Equal(writes, []string{"PATCH configmaps/config"}) {
		t.Errorf("writes %v", writes)
	}
	if err := c.Create(t.Context(), config(nil), false); !apierrors.IsAlreadyExists(err) {
		t.Errorf("created again: %v", err)
	}
	seen := &corev1.ConfigMap{}
	if ok, err := c.GetIfExists(t.Context(), kube.KindConfigMap, "config", seen); !ok || err != nil || seen.Data["a"] != "1" {
		t.Fatalf("%+v, %v", seen, err)
	}
	old := seen.DeepCopy()
	if err := c.Patch(t.Context(), kube.KindConfigMap, seen, map[string]any{"data": map[string]any{"b": "2"}}, false); err != nil || seen.Data["a"]+seen.Data["b"] != "12" {
		t.Errorf("patched: %+v, %v", seen.Data, err)
	}
	outdated := map[string]error{
		"patch":  c.Patch(t.Context(), kube.KindConfigMap, old.DeepCopy(), map[string]any{"data": map[string]any{"b": "3"}}, false),
		"apply":  second(c.Apply(t.Context(), config(nil), old, false)),
		"update": c.Update(t.Context(), withKind(old.DeepCopy()), false),
	}
	for what, err := range outdated {
		if !kube.IsConflict(err) {
			t.Errorf("%s of an outdated version: %v", what, err)
		}
	}
	update := withKind(seen.DeepCopy())
	update.Data = map[string]string{"c": "3"}
	if err := c.Update(t.Context(), update, false); err != nil || update.ResourceVersion == seen.ResourceVersion || len(update.Data) != 1 {
		t.Errorf("updated: %+v, %v", update, err)
	}
}

func second(_ bool, err error) error { return err }

func withKind(object *corev1.ConfigMap) *corev1.ConfigMap {
	object.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
	return object
}

// What a controller changes in between does not keep an object; another object of its name stays.
func TestDelete(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(*testcluster.Cluster)
		still    func(manifest.Object) bool
		left     bool
		conflict bool
	}{
		"as it was seen":     {func(*testcluster.Cluster) {}, nil, false, false},
		"changed":            {func(s *testcluster.Cluster) { s.Set("configmaps", "config", object{"data": object{"x": "y"}}) }, nil, false, false},
		"not wanted anymore": {func(s *testcluster.Cluster) { s.Set("configmaps", "config", object{"data": object{"x": "y"}}) }, func(manifest.Object) bool { return false }, true, true},
		"gone":               {func(s *testcluster.Cluster) { s.Delete("configmaps", "config") }, nil, false, false},
		"another one": {func(s *testcluster.Cluster) {
			s.Delete("configmaps", "config")
			s.Put("configmaps", config(nil))
		}, nil, true, false},
	} {
		server := testcluster.New(t)
		c := clientOf(t, server)
		server.Put("configmaps", config(nil))
		seen := &corev1.ConfigMap{}
		if err := c.Get(t.Context(), kube.KindConfigMap, "config", seen); err != nil {
			t.Fatal(err)
		}
		test.change(server)
		err := c.Delete(t.Context(), kube.KindConfigMap, seen, kube.Deletion{Still: test.still})
		if kube.IsConflict(err) != test.conflict || err != nil && !test.conflict || (server.Object("configmaps", "config") != nil) != test.left {
			t.Errorf("%s: %v, left: %v", name, err, server.Names())
		}
	}
}

// An object that changes with every look is not deleted, and this is told.
func TestDeleteOfWhatChangesAgainAndAgain(t *testing.T) {
	server := testcluster.New(t)
	c := clientOf(t, server)
	server.Put("configmaps", config(nil))
	seen := &corev1.ConfigMap{}
	if err := c.Get(t.Context(), kube.KindConfigMap, "config", seen); err != nil {
		t.Fatal(err)
	}
	server.Refuse(func(r *http.Request, _, _ string) *metav1.Status {
		if r.Method == http.MethodDelete {
			server.Set("configmaps", "config", object{"data": object{"n": strconv.Itoa(len(server.Requests()))}})
		}
		return nil
	})
	err := c.Delete(t.Context(), kube.KindConfigMap, seen, kube.Deletion{})
	var conflict *kube.ConflictError
	if !errors.As(err, &conflict) || len(server.Writes()) != kube.Attempts || !strings.Contains(err.Error(), "too many conflicting updates") {
		t.Errorf("%v after %d requests", err, len(server.Writes()))
	}
}

func TestKinds(t *testing.T) {
	server := testcluster.New(t)
	c := clientOf(t, server)
	for kind, path := range map[string]string{
		kube.KindPod: "/api/v1/namespaces/team/pods/x", kube.KindSecret: "/api/v1/namespaces/team/secrets/x",
		kube.KindConfigMap: "/api/v1/namespaces/team/configmaps/x", kube.KindRole: "/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles/x",
		kube.KindStatefulSet: "/apis/apps/v1/namespaces/team/statefulsets/x", kube.KindClaim: "/api/v1/namespaces/team/persistentvolumeclaims/x",
		kube.KindVolume: "/api/v1/persistentvolumes/x", kube.KindStorageClass: "/apis/storage.k8s.io/v1/storageclasses/x", kube.KindEvent: "/api/v1/namespaces/team/events/x",
		kube.KindBudget: "/apis/policy/v1/namespaces/team/poddisruptionbudgets/x",
	} {
		var asked string
		server.Refuse(func(r *http.Request, _, _ string) *metav1.Status { asked = r.URL.Path; return nil })
		if ok, err := c.GetIfExists(t.Context(), kind, "x", kube.NewObject(kind)); ok || err != nil || asked != path {
			t.Errorf("%s: asked for %s (%v)", kind, asked, err)
		}
	}
	if all := c.Everywhere(); all.Namespace() != "" || c.Namespace() != testcluster.Namespace {
		t.Errorf("namespaces %q and %q", all.Namespace(), c.Namespace())
	}
}

func TestLogsOfContainers(t *testing.T) {
	server := testcluster.New(t)
	server.Log("one\ntwo\n")
	c := clientOf(t, server)
	if text, err := c.ContainerLog(t.Context(), "buildkitd", "buildkitd", true, 5); err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("%q, %v", text, err)
	}
	log, err := c.StreamLog(t.Context(), "buildkitd", corev1.PodLogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	if text, err := io.ReadAll(log); err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("%q, %v", text, err)
	}
}
