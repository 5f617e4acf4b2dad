package kube_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func putSecret(s *testcluster.Cluster, name string, kind corev1.SecretType, data map[string]string) {
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, Data: map[string][]byte{},
	}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	s.Put("secrets", secret)
}

func putAccount(s *testcluster.Cluster, name string, secrets ...string) {
	account := &corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, secret := range secrets {
		account.ImagePullSecrets = append(account.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	s.Put("serviceaccounts", account)
}

func TestSecretValue(t *testing.T) {
	s := testcluster.New(t)
	putSecret(s, "npm", corev1.SecretTypeOpaque, map[string]string{"b": "value", "a": ""})
	putSecret(s, "empty", corev1.SecretTypeOpaque, nil)
	for at, want := range map[[2]string]string{{"npm", "b"}: "value", {"npm", "a"}: ""} {
		if got, err := clientOf(t, s).SecretValue(t.Context(), at[0], at[1]); err != nil || string(got) != want {
			t.Errorf("%v: got %q, %v", at, got, err)
		}
	}
	for at, want := range map[[2]string]string{
		{"npm", "c"}:    `Secret "npm" in namespace "team" has no key "c": it has a, b`,
		{"empty", "c"}:  `Secret "empty" in namespace "team" has no key "c": it is empty`,
		{"absent", "c"}: `Secret "absent" not found in namespace "team"`,
	} {
		_, err := clientOf(t, s).SecretValue(t.Context(), at[0], at[1])
		var missing *kube.MissingError
		if !errors.As(err, &missing) || err.Error() != want {
			t.Errorf("%v: got %v", at, err)
		}
	}
	s.Refuse(func(*http.Request, string, string) *metav1.Status {
		return testcluster.Failure(http.StatusForbidden, metav1.StatusReasonForbidden,
			`secrets "npm" is forbidden: User "u" cannot get resource "secrets" in API group "" in the namespace "team"`)
	})
	var forbidden *kube.ForbiddenError
	if _, err := clientOf(t, s).SecretValue(t.Context(), "npm", "b"); !errors.As(err, &forbidden) || forbidden.Name != "npm" {
		t.Errorf("got %v", err)
	}
}

func TestRegistrySecrets(t *testing.T) {
	s := testcluster.New(t)
	putSecret(s, "new", corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "new"})
	putSecret(s, "old", corev1.SecretTypeDockercfg, map[string]string{".dockercfg": "old"})
	putSecret(s, "opaque", corev1.SecretTypeOpaque, map[string]string{".dockerconfigjson": "x"})
	putAccount(s, "both", "old", "new")
	putAccount(s, "none")
	putAccount(s, "dangling", "new", "absent")
	c := clientOf(t, s)
	for name, want := range map[string]string{"new": "new", "old": "old"} {
		if got, err := c.RegistrySecret(t.Context(), name); err != nil || string(got.JSON) != want || got.Secret != name {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	got, err := c.PullSecrets(t.Context(), "both")
	if err != nil || len(got) != 2 || got[0].Secret != "old" || string(got[1].JSON) != "new" {
		t.Errorf("got %+v, %v", got, err)
	}
	_, wrongType := c.RegistrySecret(t.Context(), "opaque")
	_, none := c.PullSecrets(t.Context(), "none")
	some, err := c.PullSecrets(t.Context(), "dangling")
	if err != nil || len(some) != 2 || some[0].Err != nil || string(some[0].JSON) != "new" || some[1].Secret != "absent" {
		t.Fatalf("one of two is missing: %+v, %v", some, err)
	}
	_, absent := c.PullSecrets(t.Context(), "absent")
	for want, err := range map[string]error{
		`is of type "Opaque", not kubernetes.io/dockerconfigjson`: wrongType,
		`ServiceAccount "none" in namespace "team" has no image`:  none,
		`Secret "absent" not found in namespace "team"`:           some[1].Err,
		`ServiceAccount "absent" not found in namespace "team"`:   absent,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
