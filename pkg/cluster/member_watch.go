package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Observe watches the member, as it was when it was chosen, and calls changed with every diagnosis
// that differs from the one before, the first being that nothing is wrong. It returns when the
// daemon has ended, with ctx, or when the cluster cannot be asked.
func (c *Client) Observe(ctx context.Context, member Member, changed func(Diagnosis)) error {
	o := &observer{Client: c, member: member, last: Diagnosis{Cause: CauseNone}, changed: changed}
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", member.Pod).String()}
	return c.Follow(ctx, kube.KindPod, options, func(event watch.Event) (bool, error) { return o.visit(ctx, event), nil },
		func() bool { return o.listed(ctx) })
}

// observer keeps what was last said of a member.
type observer struct {
	*Client
	member  Member
	exists  bool
	last    Diagnosis
	changed func(Diagnosis)
}

// visit is true when there is nothing more to see.
func (o *observer) visit(ctx context.Context, event watch.Event) bool {
	pod, ok := event.Object.(*corev1.Pod)
	switch {
	case event.Type == kube.Listed:
		o.exists = false
		return false
	case !ok:
		return false
	case o.member.UID != "" && string(pod.UID) != o.member.UID:
		return o.say(ctx, o.vanished(ctx, o.member, CauseReplaced, "was replaced by another of the same name"))
	case event.Type == watch.Deleted:
		return o.say(ctx, o.vanished(ctx, o.member, CauseDeleted, "is gone"))
	}
	o.exists = true
	return o.say(ctx, examinePod(pod, o.member))
}

// listed looks at a whole list.
func (o *observer) listed(ctx context.Context) bool {
	return !o.exists && o.say(ctx, o.vanished(ctx, o.member, CauseDeleted, "is gone"))
}

func (o *observer) say(ctx context.Context, diagnosis Diagnosis) (over bool) {
	if diagnosis.settled() && (diagnosis.Cause != o.last.Cause || diagnosis.Over != o.last.Over) {
		o.last = o.withLogs(ctx, diagnosis, o.member)
		o.changed(o.last)
	}
	return diagnosis.Over
}
