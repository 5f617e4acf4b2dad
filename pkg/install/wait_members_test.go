package install_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func unschedulable(message string) object {
	return object{"status": object{"phase": "Pending", "conditions": []any{
		object{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
	}}}
}

// says makes an event about a Pod.
func says(s *testcluster.Cluster, pod, kind, reason, message string) {
	s.Put("events", &corev1.Event{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Event"}, ObjectMeta: metav1.ObjectMeta{Name: strings.ToLower(reason)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: pod, UID: types.UID(s.UID("pods", pod))}, Type: kind, Reason: reason, Message: message,
	})
}

func TestAStartFailsWithTheClustersOwnReason(t *testing.T) {
	cases := map[string]struct {
		onPod           func(s *testcluster.Cluster, name string)
		reason, message string
		logs            string
	}{
		"no such image": {func(s *testcluster.Cluster, name string) {
			s.Set("pods", name, testcluster.Waiting("ErrImagePull", "registry.local/nope: not found"))
		}, "ErrImagePull", "not found", ""},
		"the back-off keeps the first words": {func(s *testcluster.Cluster, name string) {
			s.Set("pods", name, testcluster.Waiting("ErrImagePull", "dial tcp: i/o timeout"))
			time.Sleep(300 * time.Millisecond)
			s.Set("pods", name, testcluster.Waiting("ImagePullBackOff", "Back-off pulling image: manifest unknown"))
		}, "ImagePullBackOff", "i/o timeout", ""},
		"wrong image name": {func(s *testcluster.Cluster, name string) {
			s.Set("pods", name, testcluster.Waiting("InvalidImageName", "couldn't parse image reference"))
		}, "InvalidImageName", "couldn't parse", ""},
		"no node fits, and none will come": {func(s *testcluster.Cluster, name string) {
			s.Set("pods", name, unschedulable("0/3 nodes are available: 3 node(s) didn't match"))
			says(s, name, "Normal", "NotTriggerScaleUp", "pod didn't trigger scale-up: no group fits")
		}, "Unschedulable", "0/3 nodes are available: 3 node(s) didn't match; pod didn't trigger scale-up", ""},
		"the daemon crashes": {func(s *testcluster.Cluster, name string) {
			s.Schedule(name, "node-1")
			s.Set("pods", name, object{"status": testcluster.Status(object{"terminated": object{"exitCode": 1, "reason": "Error"}})})
		}, "CrashLoopBackOff", "exit code 1", "buildkitd: unsupported log type"},
		"the Pod is ended": {func(s *testcluster.Cluster, name string) {
			s.Set("pods", name, object{"status": object{"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "no device"}})
		}, "UnexpectedAdmissionError", "no device", ""},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				server.OnPod(func(name string) { test.onPod(server, name) })
				server.Log("time=1 level=info\nbuildkitd: unsupported log type\nmain.main\n\t/src/main.go:1\nruntime.goexit\n\t/src/asm.s:2\n")
				start := time.Now()
				_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
				var failure *install.StartError
				if !errors.As(err, &failure) {
					t.Fatalf("got %v; want a StartError", err)
				}
				if failure.Reason != test.reason || !strings.Contains(failure.Message, test.message) {
					t.Errorf("got %s: %s", failure.Reason, failure.Message)
				}
				if got := strings.Join(failure.Logs, "\n"); !strings.HasSuffix(got, test.logs) {
					t.Errorf("logs: %q", got)
				}
				if took := time.Since(start); took > time.Minute { // the timeout is five
					t.Errorf("it took %s", took)
				}
				if names := server.Names(); len(failure.Removed) != 5 || len(names) > 1 || len(names) == 1 && !strings.HasPrefix(names[0], "events/") {
					t.Errorf("removed %v; left behind: %v", failure.Removed, names)
				}
			})
		})
	}
}

func TestAnAutoscalerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.OnPod(func(name string) {
			server.Set("pods", name, unschedulable("0/3 nodes are available"))
			says(server, name, "Normal", "TriggeredScaleUp", "pod triggered scale-up: group 1->2")
			time.Sleep(8 * time.Second)
			server.Run(name)
		})
		var seen events
		if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, seen.report); err != nil {
			t.Fatal(err)
		}
		if kinds := seen.kinds(); len(kinds) == 0 || kinds[0] != install.EventScaling {
			t.Errorf("events: %v", kinds)
		}
	})
}

// Of a scheduler that does not run, nothing is heard: neither the Pod nor an event says a word.
func TestASchedulerThatDoesNotRun(t *testing.T) {
	for name, message := range map[string]string{"nope": `Pod buildkitd is Pending: scheduler "nope" has not looked at it`, "default-scheduler": "Pod buildkitd is Pending"} {
		synctest.Test(t, func(t *testing.T) {
			server := testcluster.New(t)
			server.OnPod(func(pod string) { server.Set("pods", pod, object{"status": object{"phase": "Pending"}}) })
			edit := func(s builder.Spec) (builder.Spec, error) { s.Scheduler = name; return s, nil }
			var seen events
			_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", edit, install.Options{Timeout: time.Minute}, seen.report)
			var start *install.StartError
			named := name == "nope"
			if !errors.As(err, &start) || (start.Reason == cluster.ReasonUnassigned) != named || !strings.Contains(start.Message, message) {
				t.Fatalf("%s: got %v", name, err)
			}
			if told := strings.Contains(strings.Join(seen.lines(), "\n"), `waits for scheduler "nope"`); told != named || (len(server.Names()) == 0) != named {
				t.Errorf("%s: reported %q, there are %v", name, seen.lines(), server.Names())
			}
		})
	}
}

func TestATimeoutLeavesWhatMayStillComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.OnPod(func(name string) {
			server.Set("pods", name, testcluster.Waiting("ContainerCreating", ""))
			says(server, name, "Warning", "FailedMount", "timed out waiting for a volume")
		})
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{Timeout: time.Second}, nil)
		var failure *install.StartError
		if !errors.As(err, &failure) || failure.Reason != install.ReasonTimeout {
			t.Fatalf("got %v; want a timeout", err)
		}
		for _, words := range []string{"Pod buildkitd is ContainerCreating", "FailedMount: timed out waiting for a volume"} {
			if !strings.Contains(failure.Message, words) {
				t.Errorf("%q does not say %q", failure.Message, words)
			}
		}
		if len(failure.Removed) > 0 || len(failure.Remaining) != 5 || len(server.Names()) != 6 {
			t.Errorf("removed %v, remaining %v, there are %v", failure.Removed, failure.Remaining, server.Names())
		}
	})
}

func TestAnInterruptIsPassedOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		ctx, cancel := context.WithCancel(t.Context())
		server.OnPod(func(string) { time.AfterFunc(50*time.Millisecond, cancel) })
		start := time.Now()
		_, err := install.Run(ctx, clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
		if !errors.Is(err, context.Canceled) || time.Since(start) > time.Minute {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

// final is an error that says that another try is of no use.
type final struct{}

func (final) Error() string   { return "not permitted to create pods/portforward" }
func (final) Permanent() bool { return true }

func TestAProbeMayEndTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.OnPod(server.Run)
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{
			Probe: func(context.Context, cluster.Member, *cluster.Connection) error { return final{} },
		}, nil)
		var failure *install.StartError
		if !errors.As(err, &failure) || failure.Reason != install.ReasonUnreachable || !errors.As(err, &final{}) {
			t.Fatalf("got %v", err)
		}
		if len(server.Names()) != 5 {
			t.Errorf("a builder that runs was removed: %v", server.Names())
		}
	})
}

func TestSeveralMembersAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		var seen events
		done := make(chan struct{})
		go func() {
			defer close(done)
			// What a StatefulSet's controller does.
			for !strings.Contains(strings.Join(server.Names(), " "), "statefulsets/buildkitd") {
				time.Sleep(5 * time.Millisecond)
			}
			template, _ := server.Object("statefulsets", "buildkitd")["spec"].(object)["template"].(object)
			for _, name := range []string{"buildkitd-0", "buildkitd-1"} {
				metadata := object{"name": name, "labels": template["metadata"].(object)["labels"], "annotations": template["metadata"].(object)["annotations"]}
				server.Put("pods", object{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
			}
			for _, name := range []string{"buildkitd-1", "buildkitd-0"} {
				server.Run(name)
			}
		}()
		outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(builder.Spec{Replicas: 2}), install.Options{Timeout: 20 * time.Second}, seen.report)
		<-done
		if err != nil || len(outcome.Members) != 2 || outcome.Members[1].Pod != "buildkitd-1" {
			t.Errorf("got %v, %+v", err, outcome.Members)
		}
	})
}

// What keeps a node from beginning is in no status: of a node that has no user namespaces the
// kubelet's event alone tells.
func TestANodeWithoutUserNamespaces(t *testing.T) {
	const words = "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces"
	for name, test := range map[string]struct {
		mode, message, reason string
		least, most           time.Duration
	}{
		"userns":            {builder.ModeUserNS, words, cluster.ReasonNoUserNamespace, 2 * time.Second, 3 * time.Second},
		"userns, no bridge": {builder.ModeUserNS, "Failed to create pod sandbox: no bridge", install.ReasonTimeout, time.Minute, time.Hour},
		"privileged":        {"", words, install.ReasonTimeout, time.Minute, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				server.OnPod(func(name string) {
					server.Schedule(name, "node-1")
					says(server, name, "Warning", "FailedCreatePodSandBox", test.message)
					server.Set("pods", name, testcluster.Waiting("ContainerCreating", ""))
				})
				start := time.Now()
				_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(builder.Spec{Mode: test.mode}), install.Options{}, nil)
				var failure *install.StartError
				if took := time.Since(start); !errors.As(err, &failure) || failure.Reason != test.reason || took < test.least || took > test.most {
					t.Errorf("got %v after %s", err, took)
				}
			})
		})
	}
}
