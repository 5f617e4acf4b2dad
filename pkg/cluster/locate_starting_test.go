package cluster_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func event(name string, at time.Time, reason, message string) *corev1.Event {
	return &corev1.Event{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Event"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "buildkitd", UID: "uid-of-pod"},
		Reason:         reason, Message: message, Type: corev1.EventTypeWarning, LastTimestamp: metav1.NewTime(at),
	}
}

// A Pod that starts says what it waits for.
func TestResolveSaysWhatAStartingPodDoes(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	server.Set("pods", "buildkitd", testcluster.Waiting("ContainerCreating", ""))
	server.Put("events", event("a", time.Now().Add(-time.Minute), "Scheduled", "Successfully assigned"), event("b", time.Now(), "Pulling", "Pulling image \"x\""))
	_, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
	var notReady *cluster.NotReadyError
	if !errors.As(err, &notReady) || !notReady.Starting || !strings.HasSuffix(err.Error(), `ContainerCreating: pulling image "x"`) {
		t.Errorf("got %v", err)
	}
}

func TestBuilderOnALostNode(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	server.LoseNode("buildkitd")
	_, _, err := resolve(t, clientOf(t, server), "buildkitd", cluster.Selection{})
	var notReady *cluster.NotReadyError
	if !errors.As(err, &notReady) || notReady.Reason != cluster.ReasonNodeLost || notReady.Starting || !strings.Contains(err.Error(), `node "node-2"`) {
		t.Errorf("got %v", err)
	}
}
