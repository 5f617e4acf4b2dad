package cluster_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// Inspect shows all that can be seen of a builder, also where Resolve stops.
func TestInspect(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*testcluster.Cluster)
		fails   func(error) bool // Inspect itself
		connect func(error) bool // why builds do not connect; nil is that they do
		members string           // their states, and errors as "!"
		lacking string
		adopted bool
	}{
		"one Pod": {prepare: func(s *testcluster.Cluster) { s.Install(builder.Spec{}) }, members: "buildkitd:Ready"},
		"members, one of which is away": {prepare: func(s *testcluster.Cluster) {
			s.Install(builder.Spec{Replicas: 2})
			s.Delete("pods", "buildkitd-1")
		}, members: "buildkitd-0:Ready buildkitd-1:!"},
		"without what it needs to start again": {prepare: func(s *testcluster.Cluster) {
			s.Install(builder.Spec{})
			s.Delete("secrets", "buildkitd-server")
			s.Delete("configmaps", "buildkitd-config")
		}, members: "buildkitd:Ready", lacking: "Secret/buildkitd-server ConfigMap/buildkitd-config"},
		"whose Secret may not be read": {prepare: func(s *testcluster.Cluster) {
			s.Install(builder.Spec{})
			s.Refuse(testcluster.Forbidding("secrets", ""))
		}, connect: func(err error) bool { return err != nil }, members: "buildkitd:Ready"},
		"unmanaged": {prepare: func(s *testcluster.Cluster) {
			adopted(s, "buildkitd", corev1.Container{Name: "buildkitd", Image: "moby/buildkit:v0.20"})
			s.Ready("buildkitd")
		}, members: "buildkitd:Ready", adopted: true},
		"none": {prepare: func(*testcluster.Cluster) {}, fails: func(err error) bool {
			return errors.As(err, new(*cluster.NotFoundError))
		}, members: "buildkitd:!"},
	} {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			test.prepare(server)
			inspection, err := clientOf(t, server).Inspect(t.Context(), "buildkitd")
			if test.fails == nil && err != nil || test.fails != nil && !test.fails(err) {
				t.Fatal(err)
			}
			if test.fails == nil && (test.connect == nil && inspection.ConnectionErr != nil || test.connect != nil && !test.connect(inspection.ConnectionErr)) {
				t.Errorf("connecting: %v", inspection.ConnectionErr)
			}
			var members, lacking []string
			for _, member := range inspection.Members {
				state := member.State
				if member.Err != nil {
					state = "!"
				}
				members = append(members, member.Pod+":"+state)
			}
			for _, reference := range inspection.Lacking {
				lacking = append(lacking, reference.String())
			}
			if got := strings.Join(members, " "); got != test.members || len(inspection.Names()) != len(members) {
				t.Errorf("members %s, want %s", got, test.members)
			}
			if got := strings.Join(lacking, " "); got != test.lacking || inspection.Adopted() != test.adopted {
				t.Errorf("lacking %q, adopted %t", got, inspection.Adopted())
			}
			if inspection.Needs.Image == "" {
				t.Error("the needs of no image")
			}
		})
	}
	if _, err := clientOf(t, testcluster.New(t)).Inspect(t.Context(), "no/name"); err == nil {
		t.Error("an invalid name is inspected")
	}
}

func TestInspectTellsTheLastEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.Install(builder.Spec{})
		server.SetPod("buildkitd", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
				Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.Now(),
			}
		})
		time.Sleep(5 * time.Minute)
		inspection, err := clientOf(t, server).Inspect(t.Context(), "buildkitd")
		if err != nil || inspection.Members[0].LastEnd != "OOMKilled (exit code 137), 5m0s ago" {
			t.Errorf("%+v, %v", inspection.Members, err)
		}
	})
}

// What is told of a member while it is observed, until its end.
func TestObserve(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*testcluster.Cluster)
		want    []cluster.Cause
	}{
		"deleted, and gone": {func(s *testcluster.Cluster) {
			s.Terminating("buildkitd")
			time.Sleep(time.Second)
			s.Delete("pods", "buildkitd")
		}, []cluster.Cause{cluster.CauseTerminating, cluster.CauseDeleted}},
		"replaced while the watch was interrupted": {func(s *testcluster.Cluster) {
			s.EndWatches()
			s.Delete("pods", "buildkitd")
			s.Install(builder.Spec{})
		}, []cluster.Cause{cluster.CauseReplaced}},
		"gone while the watch was interrupted": {func(s *testcluster.Cluster) {
			s.EndWatches()
			s.Delete("pods", "buildkitd")
		}, []cluster.Cause{cluster.CauseDeleted}},
		"evicted, as an event tells": {func(s *testcluster.Cluster) {
			s.Put("events", &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "e"}, InvolvedObject: corev1.ObjectReference{UID: "of-the-pod"}, Reason: "TaintManagerEviction", Message: "Marking for deletion",
			})
			s.Delete("pods", "buildkitd")
		}, []cluster.Cause{cluster.CauseEvicted}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				server.Install(builder.Spec{})
				server.Edit("pods", "buildkitd", func(pod object) { pod["metadata"].(object)["uid"] = "of-the-pod" })
				client := clientOf(t, server)
				member, _, err := resolve(t, client, "buildkitd", cluster.Selection{})
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(time.Second)
					test.happens(server)
				}()
				var told []cluster.Cause
				if err := client.Observe(t.Context(), member, func(d cluster.Diagnosis) { told = append(told, d.Cause) }); err != nil {
					t.Error(err)
				}
				if !slices.Equal(told, test.want) {
					t.Errorf("told %v, want %v", told, test.want)
				}
			})
		})
	}
}

func TestLogs(t *testing.T) {
	server := testcluster.New(t)
	server.Log("running server\n")
	client := clientOf(t, server)
	member := cluster.Member{Namespace: testcluster.Namespace, Pod: "buildkitd", Container: "buildkitd"}
	var asked string
	server.Refuse(func(r *http.Request, _, _ string) *metav1.Status { asked = r.URL.RawQuery; return nil })
	log, err := client.Logs(t.Context(), member, cluster.LogOptions{Previous: true, Timestamps: true, Tail: 7, Since: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	text, err := io.ReadAll(log)
	if want := "container=buildkitd&previous=true&sinceSeconds=90&tailLines=7&timestamps=true"; err != nil || string(text) != "running server\n" || asked != want {
		t.Errorf("%q, asked %s (%v)", text, asked, err)
	}
	server.Refuse(func(*http.Request, string, string) *metav1.Status {
		return testcluster.Failure(http.StatusBadRequest, metav1.StatusReasonBadRequest, "previous terminated container not found")
	})
	_, err = client.Logs(t.Context(), member, cluster.LogOptions{Tail: -1})
	if none := (*cluster.NoLogError)(nil); !errors.As(err, &none) || !strings.Contains(err.Error(), "previous terminated container not found") {
		t.Errorf("got %v", err)
	}
}

func TestPodSecurity(t *testing.T) {
	server := testcluster.New(t)
	if level, err := clientOf(t, server).PodSecurity(t.Context()); err != nil || level != "" {
		t.Errorf("without a label: %q, %v", level, err)
	}
	server.Labels = map[string]any{"pod-security.kubernetes.io/enforce": "restricted"}
	if level, err := clientOf(t, server).PodSecurity(t.Context()); err != nil || level != "restricted" {
		t.Errorf("%q, %v", level, err)
	}
}
