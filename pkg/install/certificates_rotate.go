package install

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// rotation is what becomes of members that were started with other certificates than the builder
// has now. The daemon reads its certificate once, when it starts.
type rotation struct {
	// kept says that members go on with the former certificates, which therefore stay in the
	// Secrets.
	kept bool
	// cutOff are the members that no client reaches, since their certificates have ended or are not
	// the builder's.
	cutOff []*corev1.Pod
}

func (r rotation) restarts(pod *corev1.Pod) bool {
	return slices.ContainsFunc(r.cutOff, func(other *corev1.Pod) bool { return other.UID == pod.UID })
}

// holding says which certificates a running daemon has, as its handshake shows. What its Pod's
// annotations say may be out of date: a container that was restarted has read the current ones.
type holding int

const (
	holdsUnknown holding = iota
	holdsFormer
	holdsCurrent
	holdsUnusable
)

// rotate decides whether members that differ in their certificates alone are replaced. A renewal
// must neither cost a cache nor lock a client out, so they stay while the former certificates are
// good, and until those end if their cache would go. Members that no client reaches are replaced.
func (i *installation) rotate(ctx context.Context, certificates *trust.Certificates) error {
	i.rotation, i.outcome.FormerUntil = rotation{}, time.Time{}
	if i.options.Rotate {
		return nil // all are replaced
	}
	hash, started := i.found.started()[builder.AnnotationSpec], i.found.startedWith()
	if started.Certificates == "" {
		return nil
	}
	same, err := i.startedAs(certificates, hash, started)
	if err != nil || same == nil {
		return err // they are replaced anyway
	}
	adopts := len(i.found.orphans) > 0 && i.spec.Stateful()
	if i.found.like(same.Workload) == nil && !adopts {
		return nil // they are replaced anyway
	}
	if adopts {
		i.objects, i.rotation.kept = same, started.Certificates != certificates.Fingerprint()
		return nil
	}
	if started.Certificates == certificates.Fingerprint() {
		i.objects = same
		if i.options.Probe == nil {
			return nil
		}
	}
	if i.found.set == nil && !holdsCache(i.found.pod) {
		return nil // nothing is lost
	}
	members, holds, err := i.holdings(ctx, i.objects.Client)
	if err != nil {
		return err
	}
	cutOff, old := thatHold(holdsUnusable, members, holds), thatHold(holdsFormer, members, holds)
	if i.found.set == nil && len(cutOff) > 0 {
		i.rotation.cutOff = cutOff
		return nil
	}
	former := len(old) > 0
	until := formerEnd(certificates)
	due := until.Sub(i.api.Now()) <= cluster.ExpiryNotice
	if former && due && (template(i.found.set) != nil || i.options.ReplaceExpiring) {
		return nil
	}
	i.objects = same
	rolling := i.found.set != nil && started.Certificates == certificates.Fingerprint() // those with the former ones go
	i.rotation = rotation{kept: !rolling && (former || len(cutOff) > 0 || slices.Contains(holds, holdsUnknown)), cutOff: cutOff}
	switch {
	case former && rolling:
		i.reportRotation(old)
	case former:
		i.outcome.FormerUntil = until
	}
	return nil
}

// thatHold returns the members that have such certificates.
func thatHold(which holding, members []*corev1.Pod, holds []holding) (found []*corev1.Pod) {
	for n, pod := range members {
		if holds[n] == which {
			found = append(found, pod)
		}
	}
	return found
}

// reportRotation names, once, the members that an interrupted rotation has not replaced yet.
func (i *installation) reportRotation(old []*corev1.Pod) {
	if i.rotating {
		return
	}
	i.rotating = true
	names := make([]string, len(old))
	for n, pod := range old {
		names[n] = pod.Name
	}
	i.report(Event{Kind: EventWarning, Message: "a rotation of the certificates has not ended: " + strings.Join(names, ", ") +
		" still accept the former ones, and are replaced, each after its builds"})
}

// startedAs returns the objects with which the members were started, if these differ from what they
// would be now in their certificates and in the defaults alone; else nil.
func (i *installation) startedAs(certificates *trust.Certificates, hash string, started manifest.Started) (*manifest.Builder, error) {
	for started.Defaults = builder.CurrentDefaults; started.Defaults >= builder.PlainDefaults; started.Defaults-- {
		objects, err := manifest.NewStarted(i.spec, certificates, started)
		if err != nil || objects.Pod.Annotations[builder.AnnotationSpec] == hash {
			return objects, err
		}
	}
	return nil, nil
}

// template is what the members were made of: their annotations and containers; nil if there are no
// members.
func (f *existing) template() (annotations map[string]string, containers []corev1.Container) {
	switch {
	case f.set != nil:
		return f.set.Spec.Template.Annotations, f.set.Spec.Template.Spec.Containers
	case f.pod != nil:
		return f.pod.Annotations, f.pod.Spec.Containers
	case len(f.orphans) > 0:
		return f.orphans[0].Annotations, f.orphans[0].Spec.Containers
	}
	return nil, nil
}

// started are the annotations that the members were started with; nil if there are none.
func (f *existing) started() map[string]string {
	annotations, _ := f.template()
	return annotations
}

// startedWith returns what the members were started with besides what they are made of.
func (f *existing) startedWith() manifest.Started { return manifest.ReadStarted(f.template()) }

// formerEnd returns when the former certificates end; zero if there are none.
func formerEnd(certificates *trust.Certificates) time.Time {
	if certificates.Former == nil {
		return time.Time{}
	}
	end, err := trust.End(certificates.Former.Pair.Certificate)
	if err != nil {
		return time.Time{}
	}
	return end
}

// holdings asks the members which of the certificates in a client's Secret they have.
func (i *installation) holdings(ctx context.Context, client *corev1.Secret) ([]*corev1.Pod, []holding, error) {
	members := []*corev1.Pod{i.found.pod}
	if i.found.set != nil {
		var err error
		if members, err = i.api.membersOf(ctx, i.name, i.found.member); err != nil {
			return nil, nil, err
		}
	}
	connection, err := i.api.ConnectionOf(client)
	if err != nil {
		return nil, nil, err
	}
	holds := make([]holding, len(members))
	asks := make([]func() error, len(members))
	for n, pod := range members {
		asks[n] = func() error { holds[n] = i.holdingOf(ctx, pod, connection); return nil }
	}
	return members, holds, kube.Together(asks...)
}

// holdingOf asks one member, with the current certificates alone and then with the former as well.
func (i *installation) holdingOf(ctx context.Context, pod *corev1.Pod, connection *cluster.Connection) holding {
	status := cluster.StatusOf(pod, builder.ContainerName)
	switch {
	case pod.DeletionTimestamp != nil || status == nil || status.State.Running == nil || cluster.NodeLost(pod):
		return holdsUnknown
	case i.options.Probe == nil && connection.Former == nil:
		return holdsUnusable
	case i.options.Probe == nil:
		return holdsFormer
	}
	ctx, stop := context.WithTimeout(ctx, 2*probeWithin)
	defer stop()
	if !i.outcome.Renewed && i.options.Probe(ctx, cluster.MemberOf(pod), connection.WithoutFormer()) == nil {
		return holdsCurrent
	}
	err := i.options.Probe(ctx, cluster.MemberOf(pod), connection)
	var (
		expired   *cluster.ExpiredError
		untrusted *cluster.UntrustedError
	)
	switch {
	case err == nil:
		return holdsFormer
	case errors.As(err, &expired), errors.As(err, &untrusted):
		return holdsUnusable
	}
	return holdsUnknown
}

// restartCutOff stops the members of a set that no client reaches; its controller starts others.
func (i *installation) restartCutOff(ctx context.Context) error {
	if i.found.set == nil {
		return nil
	}
	for _, pod := range i.rotation.cutOff {
		i.report(Event{Kind: EventDraining, Pod: pod.Name, Message: "restarted: no client accepts its certificates"})
		if err := i.api.Delete(ctx, kube.KindPod, pod, kube.Deletion{Grace: graceOf(i.options.Force)}); err != nil {
			return err
		}
		i.outcome.Change = Replaced
	}
	return nil
}
