package install_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Objects of others that have the names of ours are neither written nor removed, and stop an
// install before its first change.
func TestForeignObjectsAreLeftAlone(t *testing.T) {
	members := builder.Spec{Replicas: 2}
	volumes := builder.Spec{Replicas: 2, Storage: quantity("1Gi")}
	for name, test := range map[string]struct {
		kind   string
		object manifest.Object
		spec   builder.Spec
	}{
		"Pod":                    {"pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci"}}, builder.Spec{}},
		"StatefulSet":            {"statefulsets", &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "ci"}}, builder.Spec{}},
		"server Secret":          {"secrets", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "ci-server"}}, builder.Spec{}},
		"client Secret":          {"secrets", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "ci-client"}}, builder.Spec{}},
		"ConfigMap":              {"configmaps", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "ci-config"}}, builder.Spec{}},
		"Role":                   {"roles", &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "ci-user"}}, builder.Spec{}},
		"a member's name":        {"pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci-1"}}, members},
		"a member's claim":       {"persistentvolumeclaims", &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "cache-ci-1"}}, volumes},
		"another builder's Pod":  {"pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci", Labels: builder.ObjectLabels("c")}}, builder.Spec{}},
		"another builder's, too": {"pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci-0", Labels: builder.ObjectLabels("ci-0")}}, members},
		"a controller's Pod": {"pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci", Labels: builder.ObjectLabels("ci"), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web", Controller: new(true)},
		}}}, builder.Spec{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testcluster.New(t)
			defer c.Close()
			c.Put(test.kind, test.object)
			client := clientOf(t, c)
			edit := func(s builder.Spec) (builder.Spec, error) { return s.With(test.spec, "replicas", "storage"), nil }
			_, err := install.Run(t.Context(), client, "ci", edit, install.Options{NoWait: true}, nil)
			var foreign *install.ForeignError
			if !errors.As(err, &foreign) || foreign.Name != test.object.GetName() || foreign.Builder != "ci" || len(c.Writes()) > 0 {
				t.Errorf("install: %v, and writes %v", err, c.Writes())
			}
			_, err = install.Uninstall(t.Context(), client, "ci", install.UninstallOptions{Purge: true, Force: true}, nil)
			var missing *cluster.NotFoundError
			if !errors.As(err, &missing) && !errors.As(err, &foreign) || len(c.Writes()) > 0 {
				t.Errorf("uninstall: %v, and writes %v", err, c.Writes())
			}
		})
	}
}

// Beside what is foreign, the builder's own objects go.
func TestUninstallBesideForeignObjects(t *testing.T) {
	c := testcluster.New(t)
	defer c.Close()
	c.Install(builder.Spec{Name: "ci"})
	c.Put("configmaps", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "ci-config"}})
	c.Put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci", Labels: builder.ObjectLabels("c")}})
	removal, err := install.Uninstall(t.Context(), clientOf(t, c), "ci", install.UninstallOptions{}, nil)
	var names []string
	for _, each := range removal.Removed {
		names = append(names, each.String())
	}
	if err != nil || !slices.Equal(names, []string{"Secret/ci-client", "Secret/ci-server"}) || strings.Contains(strings.Join(c.Writes(), " "), "ci-config") {
		t.Errorf("removed %v (%v)", names, err)
	}
}
