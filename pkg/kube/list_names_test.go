package kube_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func TestNamesOfTheNamespace(t *testing.T) {
	s := testcluster.New(t)
	putSecret(s, "npm", corev1.SecretTypeOpaque, map[string]string{"b": "value", "a": ""})
	putAccount(s, "ci")
	putAccount(s, "default")
	accounts, err := clientOf(t, s).ServiceAccounts(t.Context())
	if slices.Sort(accounts); err != nil || !slices.Equal(accounts, []string{"ci", "default"}) {
		t.Errorf("ServiceAccounts %q, %v", accounts, err)
	}
	if secrets, err := clientOf(t, s).Secrets(t.Context(), false); err != nil || !slices.Equal(secrets, []string{"npm"}) {
		t.Errorf("Secrets %q, %v", secrets, err)
	}
	if keys, err := clientOf(t, s).SecretKeys(t.Context(), "npm"); err != nil || !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("keys %q, %v", keys, err)
	}
	s.Refuse(func(*http.Request, string, string) *metav1.Status {
		return testcluster.Failure(http.StatusForbidden, metav1.StatusReasonForbidden,
			`secrets is forbidden: User "u" cannot list resource "secrets" in API group "" in the namespace "team"`)
	})
	var forbidden *kube.ForbiddenError
	if _, err := clientOf(t, s).Secrets(t.Context(), false); !errors.As(err, &forbidden) {
		t.Errorf("got %v", err)
	}
}

// What Secrets hide must not travel for the sake of their names, and a big cluster must not be read
// whole.
func TestNamesComeWithoutContents(t *testing.T) {
	server := testcluster.New(t)
	for _, name := range []string{"one", "two"} {
		server.Put("namespaces", object{"metadata": object{"name": name}})
		putSecret(server, name, corev1.SecretTypeDockerConfigJson, nil)
		putSecret(server, "other-"+name, corev1.SecretTypeOpaque, nil)
	}
	server.Put("nodes", object{"metadata": object{"name": "one", "labels": object{"disk": "ssd", "arch": "arm64"}}},
		object{"metadata": object{"name": "two", "labels": object{"disk": "ssd"}}})
	var asked []string
	server.Refuse(func(r *http.Request, _, _ string) *metav1.Status {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("fieldSelector")+" "+r.URL.Query().Get("limit"))
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			t.Errorf("%s asks for whole objects: %q", r.URL.Path, r.Header.Get("Accept"))
		}
		return nil
	})
	c := clientOf(t, server)
	for name, list := range map[string]func() ([]string, error){
		"/api/v1/namespaces":              func() ([]string, error) { return c.Namespaces(t.Context()) },
		"/api/v1/namespaces/team/secrets": func() ([]string, error) { return c.Secrets(t.Context(), true) },
	} {
		if got, err := list(); err != nil || !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := c.NodeLabels(t.Context()); err != nil || !slices.Equal(got, []string{"arch=arm64", "disk=ssd"}) {
		t.Errorf("labels of nodes: %q, %v", got, err)
	}
	slices.Sort(asked)
	if want := []string{
		"/api/v1/namespaces  500", "/api/v1/namespaces/team/secrets type=kubernetes.io/dockerconfigjson 500", "/api/v1/nodes  500",
	}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
