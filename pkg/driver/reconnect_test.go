package driver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// answered is what a cluster reports after a loss, and what comes of it.
type answered struct {
	change func(*testing.T, *world)
	found  bool          // the builder is found again
	cause  cluster.Cause // of the *LostError, if it is not
	after  func(error) bool
	within [2]time.Duration // when that is known
}

func is[E error](err error) bool {
	var found E
	return errors.As(err, &found)
}

const pod = builder.DefaultName

func container(change func(*corev1.Pod, *corev1.ContainerStatus)) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.SetPod(pod, func(p *corev1.Pod) { change(p, &p.Status.ContainerStatuses[0]) })
	}
}

func ended(reason string, code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}}
}

// answers are everything that a cluster may report of a builder that was lost.
func answers() map[string]answered {
	const soon = time.Second
	at := func(limit time.Duration) [2]time.Duration { return [2]time.Duration{limit, limit + 10*time.Second} }
	return map[string]answered{
		"it runs": {func(*testing.T, *world) {}, true, "", nil, [2]time.Duration{0, soon}},
		"it was restarted": {container(func(_ *corev1.Pod, s *corev1.ContainerStatus) {
			s.RestartCount, s.LastTerminationState = 1, ended("Error", 1)
		}), true, "", nil, [2]time.Duration{0, soon}},
		"it was killed for its memory": {container(func(_ *corev1.Pod, s *corev1.ContainerStatus) {
			s.RestartCount, s.LastTerminationState = 1, ended("OOMKilled", 137)
		}), false, cluster.CauseOOMKilled, nil, [2]time.Duration{0, soon}},
		"it is started again later": {func(t *testing.T, w *world) {
			container(func(_ *corev1.Pod, s *corev1.ContainerStatus) {
				s.RestartCount, s.LastTerminationState, s.Ready = 1, ended("Error", 1), false
				s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			})(t, w)
			w.SetPod(pod, func(p *corev1.Pod) {
				p.Status.Conditions[0].Status, p.Status.Conditions[1].Status = corev1.ConditionFalse, corev1.ConditionFalse
			})
			w.after(20*time.Second, func() {
				w.SetPod(pod, func(p *corev1.Pod) {
					p.Status.Conditions[0].Status, p.Status.Conditions[1].Status = corev1.ConditionTrue, corev1.ConditionTrue
					p.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
				})
			})
		}, true, "", nil, at(20 * time.Second)},
		"another has its name": {func(_ *testing.T, w *world) {
			w.Delete("pods", pod)
			w.after(5*time.Second, func() { w.daemons = w.Install(builder.Spec{}) })
		}, true, "", nil, at(5 * time.Second)},
		"it was deleted": {func(_ *testing.T, w *world) { w.Delete("pods", pod) }, false, cluster.CauseDeleted, is[*cluster.NotReadyError], at(absenceTimeout)},
		"the builder is deleted": {func(_ *testing.T, w *world) {
			w.Delete("pods", pod)
			for _, secret := range []string{"-client", "-server"} {
				w.Delete("secrets", pod+secret)
			}
			w.Delete("configmaps", pod+"-config")
		}, false, cluster.CauseDeleted, is[*cluster.NotFoundError], at(absenceTimeout)},
		"it was evicted": {container(func(p *corev1.Pod, _ *corev1.ContainerStatus) {
			p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "low on resource"
		}), false, cluster.CauseEvicted, is[*cluster.NotReadyError], at(LossTimeout)},
		"its node is lost": {container(func(p *corev1.Pod, _ *corev1.ContainerStatus) {
			p.Status.Conditions[0].Status = corev1.ConditionFalse
		}), false, cluster.CauseNodeLost, is[*cluster.NotReadyError], at(LossTimeout)},
		"it is being deleted": {container(func(p *corev1.Pod, _ *corev1.ContainerStatus) {
			p.DeletionTimestamp = new(metav1.Now())
		}), false, cluster.CauseTerminating, is[*cluster.TerminatingError], at(LossTimeout)},
		"another has other certificates": {func(t *testing.T, w *world) {
			other, err := trust.Issue(time.Now(), pod)
			if err != nil {
				t.Fatal(err)
			}
			w.daemons[pod].Stop()
			w.Start(pod, other)
		}, false, cluster.CauseNone, is[*cluster.UntrustedError], at(absenceTimeout)},
		"nothing listens there": {func(_ *testing.T, w *world) { w.daemons[pod].Stop() }, false, cluster.CauseNone, nil, at(LossTimeout)},
		"the API server is away for a while": {func(_ *testing.T, w *world) {
			w.Down(testcluster.ErrRefused())
			w.after(20*time.Second, func() { w.Down(nil) })
		}, true, "", nil, at(20 * time.Second)},
		"the API server is away": {func(_ *testing.T, w *world) { w.Down(testcluster.ErrRefused()) }, false, "", is[*kube.UnreachableError], at(LossTimeout)},
		"the API server fails": {func(_ *testing.T, w *world) {
			w.Refuse(refusing("", &metav1.Status{Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError, Message: "etcd"}))
		}, false, "", func(err error) bool { return err != nil }, at(LossTimeout)},
		"the user may not": {func(_ *testing.T, w *world) {
			w.Refuse(refusing("", testcluster.Forbidden("get", "pods", pod)))
		}, false, "", is[*kube.ForbiddenError], at(deniedTimeout)},
		"the user is unknown": {func(_ *testing.T, w *world) {
			w.Refuse(refusing("", &metav1.Status{Code: http.StatusUnauthorized, Reason: metav1.StatusReasonUnauthorized, Message: "Unauthorized"}))
		}, false, "", is[*kube.UnauthorizedError], at(deniedTimeout)},
	}
}

// losses are how a connection can be lost. Those that are permanent end the build whatever the
// cluster reports.
func losses() map[string]struct {
	err       error
	permanent bool
} {
	return map[string]struct {
		err       error
		permanent bool
	}{
		"the tunnel broke":        {&tunnel.LostError{Pod: pod, Namespace: testcluster.Namespace, Reason: "the node closed it", Err: io.EOF}, false},
		"the connection ended":    {io.EOF, false},
		"it is silent":            {&solve.SilentError{For: time.Minute}, false},
		"the Pod was seen to end": {errors.New("Pod was deleted"), false},
		"the user gave up":        {context.Canceled, true},
		"it is not BuildKit":      {&tunnel.CommandNotFoundError{Pod: pod, Namespace: testcluster.Namespace, Command: "buildctl"}, true},
	}
}

// What comes of a builder that was lost: every loss, and every answer of the cluster.
func TestEveryLoss(t *testing.T) {
	for loss, how := range losses() {
		for name, answer := range answers() {
			t.Run(loss+", and "+name, func(t *testing.T) {
				inBubble(t, nil, func(t *testing.T, w *world) { lose(t, w, &solve.LostError{Cause: how.err}, how.permanent, answer) })
			})
		}
	}
}

func lose(t *testing.T, w *world, lost *solve.LostError, permanent bool, answer answered) {
	ctx, stop := context.WithCancel(t.Context())
	first := w.connect(t)
	r := newReconnector(ctx, w.driver, BuildOptions{Connect: options()}.withDefaults(), &shownSteps{}, first)
	r.options.Connect = options()
	defer r.watches.Wait()
	defer stop()
	answer.change(t, w)
	began := time.Now()
	daemon, err := r.reconnect(ctx, lost)
	took := time.Since(began)
	if daemon != nil {
		defer func() { _ = r.of(daemon).Close() }()
	}
	var diagnosed *LostError
	switch {
	case permanent:
		if is[*tunnel.CommandNotFoundError](lost) {
			if !is[*tunnel.CommandNotFoundError](err) || took != 0 {
				t.Errorf("got %v after %v", err, took)
			}
		} else if !errors.As(err, &diagnosed) || diagnosed.After != nil || took > 10*time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		return
	case took < answer.within[0]-time.Second || took > answer.within[1]:
		t.Errorf("it took %v, want %v", took, answer.within)
	}
	if answer.found {
		if err != nil {
			t.Fatal(err)
		}
		if version, err := daemon.Version(ctx); err != nil || version == "" {
			t.Errorf("the daemon that was found answers %q, %v", version, err)
		}
		return
	}
	if !errors.As(err, &diagnosed) || diagnosed.Diagnosis.Cause != answer.cause || answer.after != nil && !answer.after(diagnosed.After) {
		t.Errorf("got %v (%#v), want %q", err, diagnosed, answer.cause)
	}
}

// shownSteps is a display.
type shownSteps struct{ names []string }

func (s *shownSteps) Step(name string) func(error) {
	s.names = append(s.names, name)
	return func(error) {}
}
