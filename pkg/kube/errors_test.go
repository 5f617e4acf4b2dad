package kube_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Who refuses an object, and in which words.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		code    int32
		reason  metav1.StatusReason
		message string
		want    string
	}{
		"Pod Security":   {403, metav1.StatusReasonForbidden, `pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged`, `Pod Security refuses Pod "x" in namespace "team": violates PodSecurity "restricted:latest": privileged`},
		"quota":          {403, metav1.StatusReasonForbidden, `pods "x" is forbidden: exceeded quota: q`, `the quota refuses Pod "x" in namespace "team": exceeded quota: q`},
		"webhook":        {400, metav1.StatusReasonBadRequest, `admission webhook "policy.example.com" denied the request: no`, `the webhook "policy.example.com" refuses Pod "x" in namespace "team": no`},
		"policy":         {422, metav1.StatusReasonInvalid, `pods "x" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no`, `an admission policy refuses Pod "x" in namespace "team": ValidatingAdmissionPolicy 'p' denied request: no`},
		"another plugin": {403, metav1.StatusReasonForbidden, `pods "x" is forbidden: no`, `the cluster refuses Pod "x" in namespace "team": no`},
		"validation":     {422, metav1.StatusReasonInvalid, `Pod "x" is invalid: spec`, `validation refuses Pod "x" in namespace "team": Pod "x" is invalid: spec`},
	} {
		server := testcluster.New(t)
		server.Refuse(func(*http.Request, string, string) *metav1.Status {
			return testcluster.Failure(test.code, test.reason, test.message)
		})
		err := clientOf(t, server).Create(t.Context(), &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "x"}}, false)
		if refused := kube.AsAdmission(err); refused == nil || refused.Error() != test.want || refused.Unwrap() == nil || kube.IsForbidden(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsOfRequests(t *testing.T) {
	get := func(ctx context.Context, server *testcluster.Cluster) error {
		return clientOf(t, server).Get(ctx, kube.KindPod, "x", &corev1.Pod{})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for want, test := range map[string]struct {
		ctx     context.Context
		prepare func(*testcluster.Cluster)
		is      func(error) bool
	}{
		`user "jane" may not get pods "x" in namespace "team"`:                            {t.Context(), func(s *testcluster.Cluster) { s.Refuse(testcluster.Forbidding("pods", "")) }, kube.IsForbidden},
		"cluster http://127.0.0.1:1 does not answer: " + testcluster.ErrRefused().Error(): {t.Context(), func(s *testcluster.Cluster) { s.Down(testcluster.ErrRefused()) }, is[*kube.UnreachableError]},
		"getting credentials for cluster http://127.0.0.1:1: exec: executable aws failed with exit code 1": {t.Context(), func(s *testcluster.Cluster) {
			s.Down(errors.New("getting credentials: exec: executable aws failed with exit code 1"))
		}, is[*kube.CredentialsError]},
		"asking the cluster to get Pod: context canceled": {ended, func(*testcluster.Cluster) {}, func(err error) bool { return errors.Is(err, context.Canceled) }},
		`asking the cluster to get Pod "x": later`: {t.Context(), func(s *testcluster.Cluster) {
			s.Refuse(func(*http.Request, string, string) *metav1.Status {
				return testcluster.Failure(503, metav1.StatusReasonServiceUnavailable, "later")
			})
		}, func(error) bool { return true }},
		`no namespace "team"`: {t.Context(), func(s *testcluster.Cluster) {
			s.Refuse(func(*http.Request, string, string) *metav1.Status {
				status := testcluster.Failure(404, metav1.StatusReasonNotFound, `namespaces "team" not found`)
				status.Details = &metav1.StatusDetails{Kind: "namespaces"}
				return status
			})
		}, is[*kube.NamespaceNotFoundError]},
	} {
		server := testcluster.New(t)
		test.prepare(server)
		if err := get(test.ctx, server); err == nil || err.Error() != want || !test.is(err) {
			t.Errorf("got %T %v, want %s", err, err, want)
		}
	}
}

func is[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

// Not found is certain only where the API server itself answers so.
func TestCertainlyLacks(t *testing.T) {
	server := testcluster.New(t)
	c := clientOf(t, server)
	if !c.CertainlyLacks(t.Context(), kube.KindSecret, "x") {
		t.Error("an object that does not exist")
	}
	server.Put("secrets", object{"metadata": object{"name": "x"}})
	if c.CertainlyLacks(t.Context(), kube.KindSecret, "x") {
		t.Error("an object that exists")
	}
	server.Delete("secrets", "x")
	server.Unserved = "secrets"
	if c.CertainlyLacks(t.Context(), kube.KindSecret, "x") {
		t.Error("a proxy that has no such path")
	}
}

func TestUser(t *testing.T) {
	server := testcluster.New(t)
	c := clientOf(t, server)
	if user := c.User(t.Context()); user != "jane" {
		t.Errorf("user %q", user)
	}
	server.Refuse(testcluster.Forbidding("selfsubjectreviews", ""))
	if user := c.User(t.Context()); user != "" {
		t.Errorf("of a server that does not tell: %q", user)
	}
	for resource, want := range map[string]bool{"pods": true, "pods/log": false} {
		if got := (kube.Permission{Verb: "get", Resource: resource}).Essential(); got != want {
			t.Errorf("%s: essential %t", resource, got)
		}
	}
}
