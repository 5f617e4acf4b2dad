package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Cause is why a member is not what it was.
type Cause string

// The causes that Explain tells apart.
const (
	CauseOOMKilled   Cause = "OOMKilled"
	CauseEvicted     Cause = "Evicted"
	CauseExited      Cause = "Exited"
	CauseNodeLost    Cause = "NodeLost"
	CauseDeleted     Cause = "Deleted"
	CauseReplaced    Cause = "Replaced"
	CauseTerminating Cause = "Terminating"
	// CauseNone: the member runs and is ready, so the loss came from between.
	CauseNone Cause = "None"
)

// Diagnosis is what the cluster knows about a member that was lost.
type Diagnosis struct {
	Cause Cause
	// Message is one sentence for a person, with the limit, the exit code or the node.
	Message string
	// Logs are the last lines of the daemon that ended, when they can be read.
	Logs []string
	// Over says that the daemon has ended: nothing comes from it any more.
	Over bool
	// Until is when a Pod that is being deleted is killed; the zero time if it is not.
	Until time.Time
}

// settled is false for an end that the kubelet has yet to explain.
func (d Diagnosis) settled() bool { return d.Over || d.Cause != CauseExited }

const (
	// settles is how long the kubelet may take to report what the tunnel has felt already: a
	// second, and longer when its node is busy.
	settles = 5 * time.Second
	// lookAgain is how often Explain looks within that time; a watch would need another permission.
	lookAgain = 250 * time.Millisecond
)

// Explain asks the cluster what happened to the member, as it was when it was chosen. A member that
// looks well is looked at for a few seconds more: its node reports an end later than the connection
// does.
func (c *Client) Explain(ctx context.Context, member Member) (Diagnosis, error) {
	until := c.Now().Add(settles)
	for {
		diagnosis, err := c.examine(ctx, member)
		known := diagnosis.Cause != CauseNone && diagnosis.settled()
		if err != nil || known || c.Now().After(until) {
			return diagnosis, err
		}
		if err := kube.Pause(ctx, lookAgain); err != nil {
			return diagnosis, err
		}
	}
}

func (c *Client) examine(ctx context.Context, member Member) (Diagnosis, error) {
	pod := &corev1.Pod{}
	err := c.Get(ctx, kube.KindPod, member.Pod, pod)
	if apierrors.IsNotFound(err) {
		return c.vanished(ctx, member, CauseDeleted, "is gone"), nil
	}
	if err != nil {
		return Diagnosis{}, err
	}
	if member.UID != "" && string(pod.UID) != member.UID {
		return c.vanished(ctx, member, CauseReplaced, "was replaced by another of the same name"), nil
	}
	return c.withLogs(ctx, examinePod(pod, member), member), nil
}

// withLogs adds the last words of a daemon that ended by itself.
func (c *Client) withLogs(ctx context.Context, diagnosis Diagnosis, member Member) Diagnosis {
	if diagnosis.Cause == CauseExited || diagnosis.Cause == CauseOOMKilled {
		diagnosis.Logs = c.LastLines(ctx, member.Pod, member.Container)
	}
	return diagnosis
}

// examinePod reads a Pod's status.
func examinePod(pod *corev1.Pod, member Member) Diagnosis {
	diagnosis := causeOf(pod, member)
	failed := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	diagnosis.Over = failed || ended(pod, member) != nil && !lostSight(pod, member)
	if pod.DeletionTimestamp != nil {
		diagnosis.Until = pod.DeletionTimestamp.Time
	}
	return diagnosis
}

func causeOf(pod *corev1.Pod, member Member) Diagnosis {
	name := fmt.Sprintf("Pod %q", pod.Name)
	if disruption := find(pod, corev1.DisruptionTarget); disruption != nil && disruption.Status == corev1.ConditionTrue {
		return Diagnosis{Cause: CauseEvicted, Message: fmt.Sprintf("%s was evicted from node %q: %s: %s",
			name, pod.Spec.NodeName, disruption.Reason, disruption.Message)}
	}
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "" {
		return Diagnosis{Cause: CauseEvicted, Message: fmt.Sprintf("%s was ended on node %q: %s: %s",
			name, pod.Spec.NodeName, pod.Status.Reason, pod.Status.Message)}
	}
	if state := ended(pod, member); state != nil {
		return exit(pod, member, state)
	}
	if pod.DeletionTimestamp != nil {
		return Diagnosis{Cause: CauseTerminating, Message: name + " is being deleted"}
	}
	if NodeLost(pod) {
		return Diagnosis{Cause: CauseNodeLost, Message: ofLostNode(pod)}
	}
	return Diagnosis{Cause: CauseNone, Message: fmt.Sprintf("%s runs on node %q", name, pod.Spec.NodeName)}
}

// ended is how the daemon's container last ended, if it did since the member was chosen.
func ended(pod *corev1.Pod, member Member) *corev1.ContainerStateTerminated {
	status := StatusOf(pod, member.Container)
	switch {
	case status == nil:
		return nil
	case status.State.Terminated != nil:
		return status.State.Terminated
	case status.RestartCount > member.Restarts, status.State.Waiting != nil:
		return status.LastTerminationState.Terminated
	}
	return nil
}

// lostSight is true while the kubelet knows of the daemon's container only that it is gone: one
// that was removed before it was seen to end. Why, the kubelet says with the end of the Pod, e.g.
// that it was evicted.
// (k8s.io/kubernetes/pkg/kubelet, convertToAPIContainerStatuses)
func lostSight(pod *corev1.Pod, member Member) bool {
	status := StatusOf(pod, member.Container)
	return status != nil && status.State.Terminated != nil && status.State.Terminated.Reason == "ContainerStatusUnknown"
}

func exit(pod *corev1.Pod, member Member, state *corev1.ContainerStateTerminated) Diagnosis {
	if state.Reason == "OOMKilled" {
		limit := "its node's memory"
		for _, container := range pod.Spec.Containers {
			if quantity, ok := container.Resources.Limits[corev1.ResourceMemory]; ok && container.Name == member.Container {
				limit = "its limit of " + quantity.String() + " memory"
			}
		}
		return Diagnosis{Cause: CauseOOMKilled, Message: fmt.Sprintf("the daemon in Pod %q used more than %s and was killed",
			pod.Name, limit)}
	}
	message := fmt.Sprintf("the daemon in Pod %q ended with exit code %d", pod.Name, state.ExitCode)
	if state.Reason != "" && state.Reason != "Error" && state.Reason != "Completed" {
		message += " (" + state.Reason + ")"
	}
	if state.Message != "" {
		message += ": " + state.Message
	}
	return Diagnosis{Cause: CauseExited, Message: message}
}

// vanished adds what the events still know about a Pod that is gone.
func (c *Client) vanished(ctx context.Context, member Member, cause Cause, how string) Diagnosis {
	diagnosis := Diagnosis{Cause: cause, Over: true, Message: fmt.Sprintf("Pod %q %s", member.Pod, how)}
	events := &corev1.EventList{}
	options := metav1.ListOptions{FieldSelector: "involvedObject.uid=" + member.UID}
	if member.UID == "" || c.ListObjects(ctx, kube.KindEvent, options, events) != nil {
		return diagnosis
	}
	for _, event := range events.Items {
		switch event.Reason {
		case "Evicted", "Preempted", "Preempting", "TaintManagerEviction", "NodeNotReady", "NodeShutdown", "OOMKilling":
			diagnosis.Cause = CauseEvicted
			diagnosis.Message += ": " + event.Reason + ": " + event.Message
			return diagnosis
		}
	}
	return diagnosis
}

func find(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
