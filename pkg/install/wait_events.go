package install

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// changed takes one change of a Pod, or one event about it.
func (w *waiter) changed(ctx context.Context, event watch.Event) {
	switch object := event.Object.(type) {
	case *corev1.Pod:
		w.podChanged(ctx, event.Type, object)
	case *corev1.Event:
		w.happened(event.Type, object)
	case *corev1.PodList: // what follows is all there is
		for _, member := range w.members {
			member.former = nil
		}
	}
}

func (w *waiter) podChanged(ctx context.Context, change watch.EventType, pod *corev1.Pod) {
	member := w.members[pod.Name]
	if member == nil {
		return // a member too many
	}
	if !sameHash(pod, w.install.objects.Pod) {
		w.formerChanged(ctx, member, change, pod)
		return
	}
	member.former = nil
	if member.pod != nil && member.pod.UID != pod.UID {
		if pod.DeletionTimestamp != nil {
			return
		}
		member.reset(pod)
	}
	member.pod = pod
	if change == watch.Deleted || pod.DeletionTimestamp != nil {
		member.trouble = &cluster.StartProblem{Reason: ReasonDeleted, Message: "the Pod was removed"}
		if w.install.spec.Stateful() {
			// Its controller makes another.
			member.trouble.Patience = time.Hour
		}
		member.connected, member.since = false, time.Now()
		return
	}
	w.noteTrouble(member, member.problem())
	if pod.Spec.NodeName != "" && !member.scheduled {
		member.scheduled = true
		w.install.report(Event{Kind: EventScheduled, Pod: pod.Name, Message: "runs on node " + pod.Spec.NodeName})
		w.startProbe(ctx, member)
	}
	if status := cluster.StatusOf(pod, cluster.MemberOf(pod).Container); status != nil && status.State.Running != nil {
		w.runs(member)
	}
}

// missing is the member that the others wait for: the first one that does not answer, and was not
// replaced later than another.
func (w *waiter) missing() string {
	found := ""
	for _, name := range w.install.spec.MemberNames() {
		member := w.members[name]
		if !member.connected && (found == "" || w.members[found].pod == nil && member.former == nil) {
			found = name
		}
	}
	return found
}

// noteTrouble remembers since when a member has been in trouble, and its most telling words: a
// back-off says less than the failure before it.
func (w *waiter) noteTrouble(member *progress, now *cluster.StartProblem) {
	if now != nil && now.Reason == cluster.ReasonUnassigned && member.trouble == nil && member.pod != nil {
		w.install.report(Event{Kind: EventWarning, Pod: member.pod.Name, Reason: now.Reason, Message: fmt.Sprintf("waits for scheduler %q", member.pod.Spec.SchedulerName)})
	}
	if now != nil && member.trouble != nil {
		if now.Reason == "ImagePullBackOff" && member.trouble.Reason == "ErrImagePull" {
			now.Message, now.Patience = member.trouble.Message, min(now.Patience, member.trouble.Patience)
		}
		member.trouble = now
		return
	}
	member.trouble, member.since = now, time.Now()
}

// runs notes that the container runs: seen in the Pod's status, or a little earlier in an event.
func (w *waiter) runs(member *progress) {
	if !member.started {
		member.started = true
		w.install.report(Event{Kind: EventStarted, Pod: member.pod.Name, Message: "started"})
	}
	token(member.kick)
	if w.install.options.Probe == nil && !member.connected {
		member.connected = true
	}
}

// happened takes an event.
func (w *waiter) happened(change watch.EventType, event *corev1.Event) {
	if change == watch.Deleted {
		return
	}
	about := event.InvolvedObject
	if about.Kind == kube.KindStatefulSet && about.UID == w.workload {
		w.controllerSays(event)
		return
	}
	member := w.members[about.Name]
	if about.Kind != kube.KindPod || member == nil || member.pod == nil || member.pod.UID != about.UID {
		return
	}
	if w.isOld(event, member.pod) {
		return
	}
	switch event.Reason {
	case "TriggeredScaleUp", "Nominated":
		w.scaling = true
		w.tell(EventScaling, event)
	case "NotTriggerScaleUp":
		w.noScale = event.Message
	case "Pulling":
		if !member.pulling && !member.started {
			member.pulling = true
			w.install.report(Event{Kind: EventPulling, Pod: about.Name, Message: cluster.LowerFirst(event.Message)})
		}
	case "Pulled":
		if member.pulling && !member.started {
			w.tell(EventPulled, event)
		}
	case "Started":
		if strings.Contains(about.FieldPath, "{"+cluster.MemberOf(member.pod).Container+"}") {
			w.runs(member)
		}
	case "FailedCreatePodSandBox":
		w.sandboxFailed(member, event)
	case "FailedScheduling", "Unhealthy", "BackOff":
		// The Pod's status says the first; a probe that comes too early, and waiting, are no news.
	default:
		// "Error: ErrImagePull" only repeats what came before.
		if event.Type == corev1.EventTypeWarning && !strings.HasPrefix(event.Message, "Error: ") {
			w.warning = event.Reason + ": " + event.Message
			w.tell(EventWarning, event)
		}
	}
}

// isOld reports whether the event is of a time before this install, about a Pod that was there
// already. Clocks of nodes differ a little.
func (w *waiter) isOld(event *corev1.Event, pod *corev1.Pod) bool {
	const tolerance = 2 * time.Second
	began := w.start.Add(-w.install.api.Skew() - tolerance)
	return pod.CreationTimestamp.Time.Before(began) && cluster.LastSeen(event).Time.Before(began)
}

// controllerSays takes an event about the StatefulSet: only there are refusals reported.
func (w *waiter) controllerSays(event *corev1.Event) {
	if event.Type != corev1.EventTypeWarning {
		return
	}
	w.warning = event.Reason + ": " + event.Message
	w.tell(EventWarning, event)
	recent := time.Since(event.LastTimestamp.Time) < time.Minute
	if event.Reason == "FailedCreate" && recent && strings.Contains(event.Message, "forbidden") {
		w.refused = &cluster.StartProblem{Reason: event.Reason, Message: event.Message}
	}
}

// tell reports an event once, however often it is repeated.
func (w *waiter) tell(kind EventKind, event *corev1.Event) {
	key := event.InvolvedObject.Name + event.Reason + event.Message
	if w.warned[key] {
		return
	}
	w.warned[key] = true
	w.install.report(Event{Kind: kind, Pod: event.InvolvedObject.Name, Reason: event.Reason, Message: cluster.LowerFirst(event.Message)})
}

// token leaves a token in a channel of capacity one.
func token(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

const (
	// probeEvery is the first kube.Pause between two probes of a daemon whose container runs.
	probeEvery = 40 * time.Millisecond
	// probeIdly is the first kube.Pause before that.
	probeIdly = 250 * time.Millisecond
	// probeSlowest is where the pauses stop growing.
	probeSlowest = time.Second
	// probeWithin is how long one probe may take.
	probeWithin = 5 * time.Second
)

// startProbe asks the daemon again and again from the moment its Pod has a node. It does not wait
// for the status to say that the container runs: the kubelet reports that up to a second late.
func (w *waiter) startProbe(ctx context.Context, member *progress) {
	if w.install.options.Probe == nil {
		return
	}
	ctx, member.cancel = context.WithCancel(ctx)
	pod, kick := cluster.MemberOf(member.pod), member.kick
	uid := member.pod.UID
	connection, err := w.install.api.ConnectionOf(w.install.objects.Client)
	if err != nil {
		return
	}
	if !w.install.rotation.kept {
		// It must have the current ones: the former are forgotten once all members have answered.
		connection = connection.WithoutFormer()
	}
	go func() {
		wait := probeIdly
		for {
			attempt, cancel := context.WithTimeout(ctx, probeWithin)
			err := w.install.options.Probe(attempt, pod, connection)
			cancel()
			select {
			case w.answers <- answer{pod: pod.Pod, uid: uid, err: err}:
			case <-ctx.Done():
				return
			}
			if err == nil {
				return
			}
			timer := time.NewTimer(wait)
			select {
			case <-kick:
				wait = probeEvery
			case <-timer.C:
				wait = min(wait*5/4, probeSlowest)
			case <-ctx.Done():
			}
			timer.Stop()
			if ctx.Err() != nil {
				return
			}
		}
	}()
}

// reset ends the probes of a member that is replaced.
func (p *progress) reset(pod *corev1.Pod) {
	if p.cancel != nil {
		p.cancel()
	}
	*p = progress{kick: make(chan struct{}, 1), pod: pod}
}

// EventKind tells the steps of a start apart.
type EventKind string

// The steps of a start, in the order in which they usually come.
const (
	EventApplied   EventKind = "applied"
	EventDraining  EventKind = "draining"
	EventScaling   EventKind = "scaling"
	EventScheduled EventKind = "scheduled"
	EventPulling   EventKind = "pulling"
	EventPulled    EventKind = "pulled"
	EventStarted   EventKind = "started"
	EventConnected EventKind = "connected"
	EventWarning   EventKind = "warning"
	EventRemoved   EventKind = "removed"
)

// Event is one thing that happened while a builder starts or stops.
type Event struct {
	Kind EventKind
	// Pod is the member; empty when the event is about another object.
	Pod string
	// Reason is the cluster's one word, e.g. "FailedMount"; empty for our own events.
	Reason string
	// Message is one sentence for a person.
	Message string
}
