package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// nextForCertificates is how certificates that cannot be used now become usable.
func nextForCertificates(e *cluster.ExpiredError) string {
	var unusable *trust.UnusableError
	if !errors.As(e.Err, &unusable) || unusable.ValidFrom.IsZero() {
		return reinstall(e.Name, e.Namespace)
	}
	wrong := "the clock of the machine that issued them was ahead"
	if e.Skew != 0 {
		wrong = "check the clock of this machine: " + driver.ClockIs(e.Skew)
	}
	return wrong + "; issue them anew: " + reinstall(e.Name, e.Namespace)
}

// explainUnverified is about Pods that are not used since nothing proves that they are the builder.
func explainUnverified(err error) (failure, bool) {
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
		return failure{
			text: doubt.Error(), code: exitDenied,
			next: bindRole(doubt.Namespace, doubt.Name, user) + "; or, if the Pod is yours and has no certificates, the same command with --adopt",
		}, true
	case errors.As(err, &doubt) && doubt.Doubt == cluster.DoubtOtherSecret:
		return failure{text: doubt.Error(), next: "if the Pod is yours and has no certificates, the same command with --adopt", code: exitNoBuilder}, true
	case errors.As(err, &doubt):
		return failure{text: doubt.Error(), next: replaceForeign(doubt.Namespace, doubt.Pod, doubt.Name), code: exitNoBuilder}, true
	case errors.As(err, &untrusted):
		member := untrusted.Member
		next := fmt.Sprintf("see whose it is: kubectl get pod %s -n %s -o yaml; give a Pod of the builder its certificates: %s",
			member.Pod, member.Namespace, reinstall(member.Builder, member.Namespace))
		return failure{text: untrusted.Error(), next: next, code: exitNoBuilder}, true
	}
	return failure{}, false
}

// replaceForeign is how a builder gets back the Pod whose name another one has.
func replaceForeign(namespace, pod, name string) string {
	return fmt.Sprintf("see whose it is: kubectl get pod %s -n %s -o yaml; once it is deleted, restore the builder: %s",
		pod, namespace, reinstall(name, namespace))
}

// explainSource is about objects of the cluster that flags name.
func explainSource(err error) (failure, bool) {
	var (
		source    *driver.SourceError
		missing   *kube.MissingError
		unfit     *kube.UnfitError
		forbidden *kube.ForbiddenError
		config    *registryauth.ConfigError
	)
	if !errors.As(err, &source) {
		return failure{}, false
	}
	told := failure{text: err.Error(), code: exitUsage}
	switch {
	case errors.As(err, &forbidden):
		told.code = exitDenied
		told.next = fmt.Sprintf("ask an administrator for this permission; check with: kubectl auth can-i %s %s/%s -n %s",
			forbidden.Verb, forbidden.Resource, forbidden.Name, forbidden.Namespace)
	case errors.As(err, &missing):
		told.next = fmt.Sprintf("kubectl get %ss -n %s, which shows what there is", strings.ToLower(missing.Kind), missing.Namespace)
		if missing.Key != "" {
			told.next = fmt.Sprintf("name one of its keys: k8s=%s/KEY", missing.Name)
		}
	case errors.As(err, &unfit) && unfit.Kind == "ServiceAccount":
		told.next = fmt.Sprintf(`kubectl patch serviceaccount %s -n %s -p '{"imagePullSecrets":[{"name":"SECRET"}]}', or name the Secret: --registry-secret SECRET`,
			unfit.Name, unfit.Namespace)
	case errors.As(err, &unfit), errors.As(err, &config):
		told.next = "kubectl create secret docker-registry makes a Secret of the right type"
	default:
		return failure{}, false // about the cluster as a whole
	}
	return told, true
}
