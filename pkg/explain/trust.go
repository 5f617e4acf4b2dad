package explain

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// nextForCertificates is how certificates that cannot be used now become usable.
func nextForCertificates(e *cluster.ExpiredError) string {
	var unusable *trust.UnusableError
	if !errors.As(e.Err, &unusable) || unusable.ValidFrom.IsZero() {
		return Reinstall(e.Name, e.Namespace)
	}
	wrong := "the clock of the machine that issued them was ahead"
	if e.Skew != 0 {
		wrong = "check the clock of this machine: " + driver.ClockIs(e.Skew)
	}
	return wrong + "; issue them anew: " + Reinstall(e.Name, e.Namespace)
}

// explainUnverified is about Pods that are not used since nothing proves that they are the builder.
func explainUnverified(err error) (Report, bool) {
	var (
		doubt     *cluster.UnverifiedError
		untrusted *cluster.UntrustedError
	)
	switch {
	case errors.As(err, &doubt) && doubt.Doubt == cluster.DoubtUnreadable:
		user := ""
		if forbidden := (*kube.ForbiddenError)(nil); errors.As(doubt.Err, &forbidden) {
			user = forbidden.User
		}
		return Report{
			Text: doubt.Error(),
			Next: BindRole(doubt.Namespace, doubt.Name, user) + "; or, if the Pod is yours and has no certificates, the same command with --adopt",
		}, true
	case errors.As(err, &doubt) && doubt.Doubt == cluster.DoubtOtherSecret:
		return Report{Text: doubt.Error(), Next: "if the Pod is yours and has no certificates, the same command with --adopt"}, true
	case errors.As(err, &doubt):
		return Report{Text: doubt.Error(), Next: replaceForeign(doubt.Namespace, doubt.Pod, doubt.Name)}, true
	case errors.As(err, &untrusted):
		member := untrusted.Member
		next := fmt.Sprintf("see whose it is: kubectl get pod %s -n %s -o yaml; give a Pod of the builder its certificates: %s",
			member.Pod, member.Namespace, Reinstall(member.Builder, member.Namespace))
		return Report{Text: untrusted.Error(), Next: next}, true
	}
	return Report{}, false
}

// replaceForeign is how a builder gets back the Pod whose name another one has.
func replaceForeign(namespace, pod, name string) string {
	return fmt.Sprintf("see whose it is: kubectl get pod %s -n %s -o yaml; once it is deleted, restore the builder: %s",
		pod, namespace, Reinstall(name, namespace))
}
