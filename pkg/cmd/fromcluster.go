package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// fromCluster adds what Secrets of the cluster hold to the request and to the user's own credentials, for this build.
// They are read with the user's own rights.
func (f *factory) fromCluster(ctx context.Context, o registryOptions, req *request.Request, credentials *registryauth.Provider) error {
	if len(o.secrets) == 0 && len(o.serviceAccounts) == 0 && len(req.KeptSecrets()) == 0 {
		return nil
	}
	c, err := f.cluster()
	if err != nil {
		return err
	}
	for _, kept := range req.KeptSecrets() {
		value, err := c.SecretValue(ctx, kept.Name, kept.Key)
		if err != nil {
			return &sourceError{flag: "--secret", value: kept.Typed, err: err}
		}
		if err := kept.Give(value); err != nil {
			return err
		}
	}
	warn := func(text string) { escape.Fprintln(f.streams.ErrOut, "warning: "+text) }
	return o.addCredentials(ctx, c, credentials, warn)
}

// addCredentials reads what the flags name. A Secret that a flag names must hold credentials; of the pull secrets of a
// ServiceAccount one that does not is passed over, as the kubelet has it.
func (o registryOptions) addCredentials(ctx context.Context, c *cluster.Client, credentials *registryauth.Provider, warn func(string)) error {
	add := func(config cluster.RegistryConfig) error {
		if config.Err != nil {
			return config.Err
		}
		return credentials.Lend(fmt.Sprintf("Secret %q in namespace %q", config.Secret, c.Namespace()), config.JSON)
	}
	for _, name := range o.secrets {
		config, err := c.RegistrySecret(ctx, name)
		if err == nil {
			err = add(config)
		}
		if err != nil {
			return &sourceError{flag: "--registry-secret", value: name, err: err}
		}
	}
	for _, name := range o.serviceAccounts {
		configs, err := c.PullSecrets(ctx, name)
		var unused []error
		for _, config := range configs {
			if err := add(config); err != nil {
				unused = append(unused, err)
			}
		}
		if err == nil && len(unused) == len(configs) {
			err, unused = unused[0], unused[1:]
		}
		for _, each := range unused {
			warn(fmt.Sprintf("--registry-service-account %q: not used: %v", name, each))
		}
		if err != nil {
			return &sourceError{flag: "--registry-service-account", value: name, err: err}
		}
	}
	return nil
}

// sourceError says which flag asked the cluster for something that is not there.
type sourceError struct {
	flag, value string
	err         error
}

func (e *sourceError) Error() string { return fmt.Sprintf("%s %q: %v", e.flag, e.value, e.err) }
func (e *sourceError) Unwrap() error { return e.err }

// explainSource is about objects of the cluster that flags name.
func explainSource(err error) (failure, bool) {
	var (
		source    *sourceError
		missing   *cluster.MissingError
		unfit     *cluster.UnfitError
		forbidden *cluster.ForbiddenError
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
