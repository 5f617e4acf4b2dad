package cluster

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// StartProblem is what keeps a Pod from starting.
type StartProblem struct {
	Reason, Message string
	// Patience is how long it may last before it counts: some pass by themselves.
	Patience time.Duration
	// Crashed says that the daemon ran and ended, so its log has the cause.
	Crashed bool
}

const (
	patient = 7 * time.Second
	short   = 2 * time.Second
)

// StartProblemOf reads a Pod's status; nil when it is on its way.
func StartProblemOf(pod *corev1.Pod) *StartProblem {
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		reason := pod.Status.Reason
		if reason == "" {
			reason = string(pod.Status.Phase)
		}
		return &StartProblem{Reason: reason, Message: pod.Status.Message, Crashed: pod.Status.Reason == ""}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return unscheduled(condition)
		}
	}
	if scheduler := pod.Spec.SchedulerName; unassigned(pod) && scheduler != "" && scheduler != corev1.DefaultSchedulerName {
		return &StartProblem{
			Reason: ReasonUnassigned, Message: fmt.Sprintf("scheduler %q has not looked at it, and may not run in this cluster", scheduler), Patience: time.Hour,
		}
	}
	if problem := heldUp(pod); problem != nil {
		return problem
	}
	container := daemonContainer(pod)
	if container == nil {
		return nil
	}
	status := StatusOf(pod, container.Name)
	switch {
	case status == nil:
		return nil
	case status.State.Waiting != nil:
		return waiting(status)
	case status.State.Terminated != nil:
		return terminated(status.State.Terminated)
	case NodeLost(pod):
		return &StartProblem{Reason: ReasonNodeLost, Message: ofLostNode(pod), Patience: short}
	}
	return nil
}

// ReasonUnassigned is the reason of a Pod that waits for a scheduler of another name than the
// cluster's own: one that does not run leaves no word.
const ReasonUnassigned = "Unassigned"

// Reasons of a Pod that a container keeps from starting which runs before its daemon.
const (
	// ReasonNoUserNamespace is that of one in builder.ModeUserNS that runs in the user namespace of
	// its node.
	ReasonNoUserNamespace = "NoUserNamespace"
	// ReasonNoEmulation is that of one on whose node the emulators of its platforms cannot be
	// registered.
	ReasonNoEmulation = "NoEmulation"
	// ReasonNoStepNetwork is that of one whose steps cannot have networks.
	ReasonNoStepNetwork = "NoStepNetwork"
)

// heldUp is what keeps the containers from running that come before the daemon.
func heldUp(pod *corev1.Pod) *StartProblem {
	for _, status := range pod.Status.InitContainerStatuses {
		reason, about := "", ""
		ended := status.State.Terminated
		if status.State.Waiting != nil { // to be started again
			ended = status.LastTerminationState.Terminated
		}
		switch status.Name {
		case builder.UserNamespaceContainerName:
			reason, about = ReasonNoUserNamespace, fmt.Sprintf("node %q ignores hostUsers: false", pod.Spec.NodeName)
		case builder.StepNetworkContainerName:
			reason, about = ReasonNoStepNetwork, fmt.Sprintf("steps cannot have networks on node %q", pod.Spec.NodeName)
		case builder.EmulationContainerName, builder.EmulationHoldName:
			reason = ReasonNoEmulation
			if ended != nil {
				about = fmt.Sprintf("container %q ended with exit code %d on node %q", status.Name, ended.ExitCode, pod.Spec.NodeName)
			}
		default:
			continue
		}
		if ended != nil && ended.ExitCode != 0 {
			return &StartProblem{Reason: reason, Message: about + ": " + strings.TrimSpace(ended.Message)}
		}
		if status.State.Waiting != nil && status.State.Waiting.Reason != "PodInitializing" {
			return waiting(&status)
		}
	}
	return nil
}

// unassigned reports whether no scheduler has said anything about the Pod yet.
func unassigned(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodPending && pod.Spec.NodeName == "" && find(pod, corev1.PodScheduled) == nil
}

// unscheduled is the scheduler's word. A claim that is not bound yet is a volume being made.
func unscheduled(condition corev1.PodCondition) *StartProblem {
	patience := patient
	if strings.Contains(condition.Message, "unbound immediate PersistentVolumeClaims") {
		patience = time.Hour
	}
	return &StartProblem{Reason: condition.Reason, Message: condition.Message, Patience: patience}
}

func waiting(status *corev1.ContainerStatus) *StartProblem {
	reason, message := status.State.Waiting.Reason, status.State.Waiting.Message
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
		"RegistryUnavailable", "SignatureValidationFailed":
		return &StartProblem{Reason: reason, Message: message, Patience: pullPatience(reason, message)}
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError",
		"PreStartHookError", "PostStartHookError":
		return &StartProblem{Reason: reason, Message: message, Patience: short}
	case "CrashLoopBackOff":
		if last := status.LastTerminationState.Terminated; last != nil {
			return terminated(last)
		}
		return &StartProblem{Reason: reason, Message: message, Crashed: true}
	}
	return nil
}

// pullPatience gives a registry a second chance, unless its answer is final.
func pullPatience(reason, message string) time.Duration {
	final := []string{"not found", "manifest unknown", "denied", "unauthorized", "authorization failed", "forbidden",
		"invalid", "no such host", "does not exist"}
	for _, words := range final {
		if strings.Contains(strings.ToLower(message), words) {
			return 0
		}
	}
	if reason == "InvalidImageName" || reason == "ErrImageNeverPull" || reason == "SignatureValidationFailed" {
		return 0
	}
	return patient
}

func terminated(state *corev1.ContainerStateTerminated) *StartProblem {
	message := fmt.Sprintf("the daemon ended with exit code %d", state.ExitCode)
	if state.Signal != 0 {
		message = fmt.Sprintf("the daemon was ended by signal %d", state.Signal)
	}
	if state.Message != "" {
		message += ": " + state.Message
	}
	reason := state.Reason
	if reason == "" || reason == "Error" || reason == "Completed" {
		reason = "CrashLoopBackOff"
	}
	return &StartProblem{Reason: reason, Message: message, Crashed: true}
}
