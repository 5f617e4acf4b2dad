package cluster_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// intruder is a Pod that runs, of any image, made by a tenant who may create Pods and nothing else.
// It may write what it likes into its metadata.
func intruder(s *testcluster.Cluster, name string, metadata metav1.ObjectMeta) {
	metadata.Name = name
	s.Put("pods", &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metadata,
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "evil.example.com/anything:1"}}},
	})
	status := object{"phase": "Running", "conditions": []any{object{"type": "Ready", "status": "True"}}, "containerStatuses": []any{
		object{"name": "c", "started": true, "state": object{"running": object{"startedAt": "2026-01-01T00:00:00Z"}}},
	}}
	s.Set("pods", name, object{"status": status})
}

// A tenant who may create Pods, and read no Secret, never makes builds go without authentication.
func TestForeignPodNeverSwitchesTLSOff(t *testing.T) {
	forged := map[string]string{builder.LabelManagedBy: builder.ManagedBy, builder.LabelInstance: "buildkitd"}
	owner := []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "buildkitd", UID: "uid-1", Controller: new(true)}}
	single := func(t *testing.T, s *testcluster.Cluster) {
		s.Install(builder.Spec{})
		s.Delete("pods", "buildkitd")
	}
	three := func(t *testing.T, s *testcluster.Cluster) { s.Install(builder.Spec{Replicas: 3}) }
	for name, test := range map[string]struct {
		builder func(*testing.T, *testcluster.Cluster)
		pod     string
		meta    metav1.ObjectMeta
		tls     bool // there is a Pod that may be asked, with TLS
	}{
		"beside members":                  {three, "buildkitd", metav1.ObjectMeta{}, false},
		"beside members, forged labels":   {three, "buildkitd", metav1.ObjectMeta{Labels: forged}, true},
		"in place of the Pod":             {single, "buildkitd", metav1.ObjectMeta{}, false},
		"in place of the Pod, labels":     {single, "buildkitd", metav1.ObjectMeta{Labels: forged}, true},
		"in place of the Pod, owner":      {single, "buildkitd", metav1.ObjectMeta{OwnerReferences: owner}, false},
		"in place of the Pod, both":       {single, "buildkitd", metav1.ObjectMeta{Labels: forged, OwnerReferences: owner}, true},
		"in place of a member":            {three, "buildkitd-1", metav1.ObjectMeta{}, true},
		"in place of a member, labels":    {three, "buildkitd-1", metav1.ObjectMeta{Labels: forged}, true},
		"in place of a member, owner":     {three, "buildkitd-1", metav1.ObjectMeta{OwnerReferences: owner}, true},
		"another's member, forged labels": {single, "buildkitd", metav1.ObjectMeta{Labels: map[string]string{builder.LabelManagedBy: builder.ManagedBy, builder.LabelInstance: "other"}}, true},
	} {
		for _, adopt := range []bool{false, true} {
			server := testcluster.New(t)
			test.builder(t, server)
			server.Delete("pods", test.pod)
			intruder(server, test.pod, test.meta)
			for _, affinity := range []string{"a", "b", "c", "d", "e", "f"} {
				member, connection, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{Affinity: affinity, Adopt: adopt})
				var doubt *cluster.UnverifiedError
				switch {
				case test.tls && (err != nil || connection == nil || member.Adopted):
					t.Errorf("%s, adopt %t: got %+v, %v, %v", name, adopt, member, connection, err)
				case test.tls && !member.Ready:
					t.Errorf("%s: %+v", name, member)
				case !test.tls && (!errors.As(err, &doubt) || doubt.Doubt != cluster.DoubtCertificates):
					t.Errorf("%s, adopt %t: got %+v, %v", name, adopt, member, err)
				case !test.tls && (!strings.Contains(err.Error(), `Pod "buildkitd"`) || !strings.Contains(err.Error(), `Secret "buildkitd-client"`)):
					t.Errorf("%s: does not name both: %v", name, err)
				case test.tls && test.meta.Labels == nil && member.Pod == test.pod:
					t.Errorf("%s: the intruder was chosen", name)
				}
			}
			candidates, connection, err := clientOf(t, server).Members(t.Context(), "buildkitd", adopt)
			if test.tls != (err == nil && connection != nil) {
				t.Errorf("%s: Members: %v, %v", name, connection, err)
			}
			for _, candidate := range candidates {
				if candidate.Err == nil && (candidate.Member.Adopted || candidate.Member.Pod == test.pod && test.meta.Labels == nil) {
					t.Errorf("%s: Members would ask %+v", name, candidate.Member)
				}
			}
		}
	}
}

// A Pod goes without authentication only if its Secret certainly does not exist, or the user
// vouches for it.
func TestUnmanagedOnlyWhereCertain(t *testing.T) {
	refuse := func(code int32, reason metav1.StatusReason, message string) func(*testcluster.Cluster) {
		return func(s *testcluster.Cluster) {
			s.Refuse(func(_ *http.Request, kind, _ string) *metav1.Status {
				if kind == "secrets" {
					return testcluster.Failure(code, reason, message)
				}
				return nil
			})
		}
	}
	application := func(s *testcluster.Cluster) {
		s.Put("secrets", &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Name: "theirs-client"},
			Data: map[string][]byte{"password": []byte("x")},
		})
	}
	for name, test := range map[string]struct {
		secret  func(*testcluster.Cluster)
		usable  bool // without --adopt
		vouched bool // with it
		doubt   cluster.Doubt
	}{
		"absent":                     {func(*testcluster.Cluster) {}, true, true, ""},
		"unreadable":                 {func(s *testcluster.Cluster) { s.Refuse(testcluster.Forbidding("secrets", "")) }, false, true, cluster.DoubtUnreadable},
		"an application's":           {application, false, true, cluster.DoubtOtherSecret},
		"the server is out of order": {refuse(503, metav1.StatusReasonServiceUnavailable, "later"), false, false, ""},
		"a proxy without that path":  {func(s *testcluster.Cluster) { s.Unserved = "secrets" }, false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			intruder(server, "theirs", metav1.ObjectMeta{})
			test.secret(server)
			for _, adopt := range []bool{false, true} {
				member, connection, err := resolve(t, clientOf(t, server), "theirs", cluster.Selection{Adopt: adopt})
				want := test.usable || adopt && test.vouched
				if connection != nil || want != (err == nil) || want && !member.Adopted {
					t.Errorf("adopt %t: got %+v, %v", adopt, member, err)
				}
				var doubt *cluster.UnverifiedError
				if errors.As(err, &doubt) != (test.doubt != "" && !adopt) || doubt != nil && doubt.Doubt != test.doubt {
					t.Errorf("adopt %t: got %v", adopt, err)
				}
			}
		})
	}
}

// A builder that is being uninstalled has lost its Secret already.
func TestUninstalledBuilderIsTerminating(t *testing.T) {
	for name, spec := range map[string]builder.Spec{"one Pod": {}, "members": {Replicas: 2}} {
		server := testcluster.New(t)
		server.Install(spec)
		server.Delete("secrets", "buildkitd-client")
		server.Delete("secrets", "buildkitd-server")
		for _, pod := range []string{"buildkitd", "buildkitd-0", "buildkitd-1"} {
			server.Terminating(pod)
		}
		_, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
		if terminating := (*cluster.TerminatingError)(nil); !errors.As(err, &terminating) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMembersWithoutSecret(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{Replicas: 2})
	server.Delete("secrets", "buildkitd-client")
	_, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
	var notReady *cluster.NotReadyError
	if !errors.As(err, &notReady) || notReady.Reason != cluster.ReasonNoConnection {
		t.Errorf("got %v", err)
	}
}
