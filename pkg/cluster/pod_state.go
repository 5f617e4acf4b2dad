package cluster

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// IsManaged says that install made the object with these labels.
func IsManaged(labels map[string]string) bool {
	return labels[builder.LabelManagedBy] == builder.ManagedBy
}

// isEphemeral says that the object with these labels is of a builder for one build.
func isEphemeral(labels map[string]string) bool { return labels[builder.LabelEphemeral] != "" }

// MemberOf describes a Pod as a member.
func MemberOf(pod *corev1.Pod) Member {
	member := Member{
		Builder: pod.Name, Namespace: pod.Namespace, Pod: pod.Name, UID: string(pod.UID), Node: pod.Spec.NodeName,
		Mode: pod.Annotations[builder.AnnotationMode], Adopted: !IsManaged(pod.Labels), Created: pod.CreationTimestamp.Time,
		Spec: pod.Annotations[builder.AnnotationSpec],
	}
	if !member.Adopted {
		member.Builder, member.Ephemeral = pod.Labels[builder.LabelInstance], isEphemeral(pod.Labels)
	}
	container := daemonContainer(pod)
	if container == nil {
		member.State = "NoContainer"
		return member
	}
	member.Container, member.Image = container.Name, container.Image
	if limit, ok := container.Resources.Limits[corev1.ResourceMemory]; ok {
		member.MemoryLimit = limit.String()
	}
	if request, ok := container.Resources.Requests[corev1.ResourceMemory]; ok {
		member.MemoryRequest = request.String()
	}
	if status := StatusOf(pod, container.Name); status != nil {
		member.Restarts = status.RestartCount
	}
	member.State, member.Ready = StateOf(pod)
	return member
}

// daemonContainer is the one named buildkitd, else the first whose image is BuildKit's, else the
// only one.
func daemonContainer(pod *corev1.Pod) *corev1.Container {
	for i, container := range pod.Spec.Containers {
		if container.Name == builder.ContainerName {
			return &pod.Spec.Containers[i]
		}
	}
	for i, container := range pod.Spec.Containers {
		if isBuildKit(container.Image) {
			return &pod.Spec.Containers[i]
		}
	}
	if len(pod.Spec.Containers) == 1 {
		return &pod.Spec.Containers[0]
	}
	return nil
}

// isBuildKit recognises the daemon's image, wherever it was copied to, e.g.
// "mirror.local/moby/buildkit:v0.34.2".
func isBuildKit(image string) bool {
	name, _, _ := strings.Cut(image, "@")
	if slash := strings.LastIndex(name, "/"); slash >= 0 {
		name = name[slash+1:]
	}
	name, _, _ = strings.Cut(name, ":")
	return name == "buildkit" || name == "buildkitd"
}

// StatusOf returns the status of a container; nil if the kubelet has not reported one.
func StatusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for i, status := range pod.Status.ContainerStatuses {
		if status.Name == container {
			return &pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

const (
	// stateTerminating is the state of a Pod that is being deleted.
	stateTerminating = "Terminating"
	// stateStarting is the state of a Pod whose daemon no probe has seen yet.
	stateStarting = "Starting"
)

// StateOf is one word about a Pod, and whether builds may be sent to it. A daemon that its startup
// probe has not seen yet may take them: connecting shows soon enough whether it answers. So may an
// unmanaged one that merely runs: its probe may be slow by design.
func StateOf(pod *corev1.Pod) (state string, ready bool) {
	if pod.DeletionTimestamp != nil {
		return stateTerminating, false
	}
	if pod.Status.Reason != "" && pod.Status.Phase == corev1.PodFailed {
		return pod.Status.Reason, false
	}
	container := daemonContainer(pod)
	if container == nil {
		return "NoContainer", false
	}
	status := StatusOf(pod, container.Name)
	switch {
	case status == nil:
		return unstarted(pod), false
	case status.State.Waiting != nil:
		return status.State.Waiting.Reason, false
	case status.State.Terminated != nil:
		return status.State.Terminated.Reason, false
	case NodeLost(pod):
		return ReasonNodeLost, false
	case ConditionOf(pod, corev1.PodReady) == corev1.ConditionTrue:
		return "Ready", true
	case status.State.Running == nil:
		return unstarted(pod), false
	case status.Started == nil || !*status.Started, neverReady(pod, status):
		return stateStarting, true
	}
	return "NotReady", !IsManaged(pod.Labels)
}

// neverReady says that a daemon which has started has not been looked at since: it is not ready for
// as long as it runs. Times are whole seconds.
func neverReady(pod *corev1.Pod, status *corev1.ContainerStatus) bool {
	ready := find(pod, corev1.PodReady)
	return ready != nil && !ready.LastTransitionTime.After(status.State.Running.StartedAt.Add(time.Second))
}

// unstarted is the state of a Pod of which no container is known.
func unstarted(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return condition.Reason
		}
	}
	return string(pod.Status.Phase)
}

// ConditionOf returns the status of a condition; ConditionUnknown if the Pod has none of that type.
func ConditionOf(pod *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition.Status
		}
	}
	return corev1.ConditionUnknown
}
