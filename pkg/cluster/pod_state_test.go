package cluster

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// lost is the member whose Pod the cases of TestExaminePod change.
func lost() (Member, *corev1.Pod) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "buildkitd", UID: "1"},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{
			Name:      "buildkitd",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: quantity.MustParse("1Gi")}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "buildkitd", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}},
	}
	return Member{Pod: "buildkitd", UID: "1", Container: "buildkitd"}, pod
}

func TestExaminePod(t *testing.T) {
	unseen := &corev1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", ExitCode: 137}
	oom := &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}
	cases := map[string]struct {
		change func(*corev1.Pod)
		cause  Cause
		says   string
		over   bool
	}{
		"OOM, restarted": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].RestartCount = 1
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = oom
		}, CauseOOMKilled, "its limit of 1Gi memory", true},
		"OOM, no limit": {func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Limits = nil
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: oom}
		}, CauseOOMKilled, "its node's memory", true},
		"OOM long ago": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = oom
		}, CauseNone, "runs on node", false},
		"evicted": {func(p *corev1.Pod) {
			p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: ephemeral-storage"
		}, CauseEvicted, "low on resource: ephemeral-storage", true},
		"container out of sight": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: unseen}
		}, CauseExited, "ContainerStatusUnknown", false},
		"container out of sight, Pod ended": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: unseen}
			p.Status.Phase = corev1.PodFailed
		}, CauseExited, "ContainerStatusUnknown", true},
		"container out of sight, Pod evicted": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: unseen}
			p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted"
		}, CauseEvicted, "Evicted", true},
		"container out of sight, restarted": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].RestartCount = 1
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = unseen
		}, CauseExited, "ContainerStatusUnknown", true},
		"drained": {func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{
				Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
			}}
			p.DeletionTimestamp = &metav1.Time{}
		}, CauseEvicted, "EvictionByEvictionAPI", false},
		"node lost": {func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.ContainersReady, Status: corev1.ConditionTrue},
			}
		}, CauseNodeLost, `node "node-1" is not ready, or does not report`, false},
		"not ready, as its kubelet reports": {func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"},
				{Type: corev1.ContainersReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"},
			}
		}, CauseNone, "runs on node", false},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			member, pod := lost()
			test.change(pod)
			if got := examinePod(pod, member); got.Cause != test.cause || !strings.Contains(got.Message, test.says) || got.Over != test.over {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// An observer who was told of an end without its reason waits for the one with it.
func TestObserverWaitsForTheReason(t *testing.T) {
	member, pod := lost()
	var told []Cause
	o := &observer{member: member, last: Diagnosis{Cause: CauseNone}, changed: func(d Diagnosis) { told = append(told, d.Cause) }}
	see := func() bool { return o.visit(t.Context(), watch.Event{Type: watch.Modified, Object: pod}) }
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "ContainerStatusUnknown"}}
	if see() || len(told) > 0 {
		t.Errorf("too early: %v", told)
	}
	pod.Status.Phase, pod.Status.Reason = corev1.PodFailed, "Evicted"
	if !see() || !slices.Equal(told, []Cause{CauseEvicted}) {
		t.Errorf("told %v", told)
	}
}

func TestMemoryLimit(t *testing.T) {
	_, pod := lost()
	if got := MemberOf(pod).MemoryLimit; got != "1Gi" {
		t.Errorf("got %q", got)
	}
	pod.Spec.Containers[0].Resources.Limits = nil
	if got := MemberOf(pod).MemoryLimit; got != "" {
		t.Errorf("got %q without a limit", got)
	}
}

func TestStateOf(t *testing.T) {
	for want, change := range map[string]func(*corev1.Pod){
		"Starting":    func(*corev1.Pod) {},
		"Terminating": func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} },
		"Evicted":     func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted" },
		"Pending":     func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} },
		"OOMKilled": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled"}}
		},
	} {
		_, pod := lost()
		change(pod)
		if got, ready := StateOf(pod); got != want || ready != (want == "Starting") {
			t.Errorf("%s: %s, ready %t", want, got, ready)
		}
	}
}

func TestIsBuildKit(t *testing.T) {
	for image, want := range map[string]bool{
		"moby/buildkit:v0.34.2": true, "docker.io/moby/buildkit": true, "mirror.local:5000/x/buildkit@sha256:0a": true,
		"buildkitd:1": true, "moby/buildkit-proxy": false, "nginx": false, "": false,
	} {
		if got := isBuildKit(image); got != want {
			t.Errorf("%q: %t", image, got)
		}
	}
}

// What keeps a Pod from starting, and how long it may last.
func TestStartProblemOf(t *testing.T) {
	unscheduled := func(message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message,
			}}}
		}
	}
	waits := func(reason, message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
		}
	}
	first := func(state corev1.ContainerState, again bool) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			status := corev1.ContainerStatus{Name: "user-namespace", State: state}
			if again {
				status.LastTerminationState, status.State = state, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			}
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{status}, ContainerStatuses: []corev1.ContainerStatus{{
				Name: "buildkitd", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
			}}}
		}
	}
	for name, test := range map[string]struct {
		change  func(*corev1.Pod)
		reason  string // none if it is on its way
		grace   time.Duration
		crashed bool
	}{
		"runs":                  {change: func(*corev1.Pod) {}},
		"is created":            {change: waits("ContainerCreating", "")},
		"not scheduled":         {unscheduled("0/3 nodes are available"), "Unschedulable", patient, false},
		"its volume is made":    {unscheduled("pod has unbound immediate PersistentVolumeClaims"), "Unschedulable", time.Hour, false},
		"registry is away":      {waits("ErrImagePull", "dial tcp: i/o timeout"), "ErrImagePull", patient, false},
		"image not found":       {waits("ErrImagePull", "manifest unknown"), "ErrImagePull", 0, false},
		"image never pulled":    {waits("ErrImageNeverPull", "not present"), "ErrImageNeverPull", 0, false},
		"a Secret is missing":   {waits("CreateContainerConfigError", `secret "x" not found`), "CreateContainerConfigError", short, false},
		"restarted, no reason":  {waits("CrashLoopBackOff", "back-off"), "CrashLoopBackOff", 0, true},
		"ended without restart": {func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodFailed} }, "Failed", 0, true},
		"evicted":               {func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"} }, "Evicted", 0, false},
		"killed": {func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", Signal: 9}}
		}, "OOMKilled", 0, true},
		"root of its node":            {first(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "0 0 4294967295\n"}}, false), ReasonNoUserNamespace, 0, false},
		"root of its node, once more": {first(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}, true), ReasonNoUserNamespace, 0, false},
		"mapped":                      {change: first(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}, false)},
		"steps without network": {func(p *corev1.Pod) {
			first(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}, true)(p)
			p.Status.InitContainerStatuses[0].Name = "step-network"
		}, ReasonNoStepNetwork, 0, false},
		"the first has no image": {first(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}}, false), "ErrImagePull", 0, false},
		"node lost": {func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}, {Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
		}, ReasonNodeLost, short, false},
	} {
		_, pod := lost()
		test.change(pod)
		problem := StartProblemOf(pod)
		if problem == nil {
			problem = &StartProblem{}
		}
		if problem.Reason != test.reason || problem.Patience != test.grace || problem.Crashed != test.crashed {
			t.Errorf("%s: %+v", name, problem)
		}
	}
}

// Emulators that cannot be registered end the start at once; that they were registered at another
// try is none of it.
func TestEmulatorsThatCannotBeRegistered(t *testing.T) {
	failed, done := &corev1.ContainerStateTerminated{ExitCode: 2, Message: "no space\n"}, &corev1.ContainerStateTerminated{}
	waits := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "not found"}}
	}
	for name, test := range map[string]struct {
		container   string
		state, last corev1.ContainerState
		reason      string
	}{
		"not yet":            {"emulation", waits("PodInitializing"), corev1.ContainerState{}, ""},
		"failed":             {"emulation", corev1.ContainerState{Terminated: failed}, corev1.ContainerState{}, ReasonNoEmulation},
		"is started again":   {"emulation", waits("CrashLoopBackOff"), corev1.ContainerState{Terminated: failed}, ReasonNoEmulation},
		"at another try":     {"emulation", corev1.ContainerState{Terminated: done}, corev1.ContainerState{Terminated: failed}, ""},
		"no image":           {"emulation", waits("ErrImagePull"), corev1.ContainerState{}, "ErrImagePull"},
		"no table":           {"emulation-hold", corev1.ContainerState{Terminated: failed}, corev1.ContainerState{}, ReasonNoEmulation},
		"held":               {"emulation-hold", corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, corev1.ContainerState{}, ""},
		"another's own init": {"other", corev1.ContainerState{Terminated: failed}, corev1.ContainerState{}, ""},
	} {
		_, pod := lost()
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{
			{Name: test.container, State: test.state, LastTerminationState: test.last},
		}}
		problem := StartProblemOf(pod)
		if problem == nil {
			problem = &StartProblem{}
		}
		if problem.Reason != test.reason || problem.Reason == ReasonNoEmulation && !strings.HasSuffix(problem.Message, "node-1\": no space") {
			t.Errorf("%s: %+v", name, problem)
		}
	}
}
