package install

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// sandboxGrace is how long a node may fail to make the user namespace of a Pod.
const sandboxGrace = 2 * time.Second

// problem is what keeps a member from starting. The Pod's status does not say what keeps its node
// from beginning.
func (p *progress) problem() *cluster.StartProblem {
	if problem := cluster.StartProblemOf(p.pod); problem != nil || p.started {
		return problem
	}
	return p.sandbox
}

// sandboxFailed takes an event of a node that cannot begin to start a member. Most of its reasons
// pass by themselves; that it has no user namespaces for Pods does not.
func (w *waiter) sandboxFailed(member *progress, event *corev1.Event) {
	w.warning = event.Reason + ": " + event.Message
	w.tell(EventWarning, event)
	text := strings.ToLower(event.Message)
	about := slices.ContainsFunc([]string{"hostusers", "user namespace", "userns", "idmap", "uid_map"}, func(words string) bool {
		return strings.Contains(text, words)
	})
	if w.install.spec.Mode == builder.ModeUserNS && about {
		member.sandbox = &cluster.StartProblem{
			Reason: cluster.ReasonNoUserNamespace, Message: cluster.LowerFirst(event.Message), Patience: sandboxGrace,
		}
		w.noteTrouble(member, member.problem())
	}
}
