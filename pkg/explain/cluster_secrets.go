package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// explainClusterSecret is about objects of the cluster that flags name.
func explainClusterSecret(err error) (Report, bool) {
	var (
		source    *driver.ClusterSecretError
		missing   *kube.MissingError
		unfit     *kube.UnfitError
		forbidden *kube.ForbiddenError
		config    *registryauth.ConfigError
	)
	if !errors.As(err, &source) {
		return Report{}, false
	}
	report := Report{Text: err.Error()}
	switch {
	case errors.As(err, &forbidden):
		report.Next = fmt.Sprintf("ask an administrator for this permission; check with: kubectl auth can-i %s %s/%s -n %s",
			forbidden.Verb, forbidden.Resource, forbidden.Name, forbidden.Namespace)
	case errors.As(err, &missing):
		report.Next = fmt.Sprintf("kubectl get %ss -n %s, which shows what there is", strings.ToLower(missing.Kind), missing.Namespace)
		if missing.Key != "" {
			report.Next = fmt.Sprintf("name one of its keys: k8s=%s/KEY", missing.Name)
		}
	case errors.As(err, &unfit) && unfit.Kind == "ServiceAccount":
		report.Next = fmt.Sprintf(`kubectl patch serviceaccount %s -n %s -p '{"imagePullSecrets":[{"name":"SECRET"}]}', or name the Secret: --registry-secret SECRET`,
			unfit.Name, unfit.Namespace)
	case errors.As(err, &unfit), errors.As(err, &config):
		report.Next = "kubectl create secret docker-registry makes a Secret of the right type"
	default:
		return Report{}, false // about the cluster as a whole
	}
	return report, true
}
