package cluster_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

func TestNamesOfTheNamespace(t *testing.T) {
	s := newServer(t)
	putSecret(s, "npm", corev1.SecretTypeOpaque, map[string]string{"b": "value", "a": ""})
	putAccount(s, "ci")
	putAccount(s, "default")
	accounts, err := s.client().ServiceAccounts(t.Context())
	if slices.Sort(accounts); err != nil || !slices.Equal(accounts, []string{"ci", "default"}) {
		t.Errorf("ServiceAccounts %q, %v", accounts, err)
	}
	if secrets, err := s.client().Secrets(t.Context(), false); err != nil || !slices.Equal(secrets, []string{"npm"}) {
		t.Errorf("Secrets %q, %v", secrets, err)
	}
	if keys, err := s.client().SecretKeys(t.Context(), "npm"); err != nil || !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("keys %q, %v", keys, err)
	}
	s.refuse = func(*http.Request, string, string) (int, metav1.StatusReason, string) {
		return http.StatusForbidden, metav1.StatusReasonForbidden,
			`secrets is forbidden: User "u" cannot list resource "secrets" in API group "" in the namespace "team"`
	}
	var forbidden *kube.ForbiddenError
	if _, err := s.client().Secrets(t.Context(), false); !errors.As(err, &forbidden) {
		t.Errorf("got %v", err)
	}
}

// What Secrets hide must not travel for the sake of their names, and a big cluster must not be read whole.
func TestNamesComeWithoutContents(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("fieldSelector")+" "+r.URL.Query().Get("limit"))
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			t.Errorf("%s asks for whole objects: %q", r.URL.Path, r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",
			"items":[{"metadata":{"name":"one","labels":{"disk":"ssd","arch":"arm64"}}},{"metadata":{"name":"two","labels":{"disk":"ssd"}}}]}`))
	}))
	defer server.Close()
	c, err := cluster.New(&rest.Config{Host: server.URL}, "team")
	if err != nil {
		t.Fatal(err)
	}
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
