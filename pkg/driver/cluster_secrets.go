package driver

import (
	"context"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// ClusterSecretError is returned where a flag names an object of the cluster that cannot be used.
type ClusterSecretError struct {
	Flag, Value string
	Err         error
}

func (e *ClusterSecretError) Error() string { return fmt.Sprintf("%s %q: %v", e.Flag, e.Value, e.Err) }
func (e *ClusterSecretError) Unwrap() error { return e.Err }

// Class returns that of Err, e.g. fault.Denied, else fault.Usage.
func (e *ClusterSecretError) Class() fault.Class { return fault.Or(e.Err, fault.Usage) }

// readSecrets adds what Secrets of the cluster hold to the request, and returns the credentials in
// them. They are read with the user's own rights.
func (d *Driver) readSecrets(ctx context.Context, o Registries, req *request.Request) ([]registryauth.Secret, error) {
	if len(o.Secrets) == 0 && len(o.ServiceAccounts) == 0 && len(req.KeptSecrets()) == 0 {
		return nil, nil
	}
	c, err := d.Cluster()
	if err != nil {
		return nil, err
	}
	for _, kept := range req.KeptSecrets() {
		value, err := c.SecretValue(ctx, kept.Name, kept.Key)
		if err != nil {
			return nil, &ClusterSecretError{Flag: "--secret", Value: kept.Typed, Err: err}
		}
		if err := kept.Give(value); err != nil {
			return nil, err
		}
	}
	return d.readCredentials(ctx, o, c)
}

// readCredentials reads what the options name. A Secret that is named must hold credentials; of the
// pull secrets of a ServiceAccount one that does not is passed over, as the kubelet does.
func (d *Driver) readCredentials(ctx context.Context, o Registries, c *cluster.Client) (secrets []registryauth.Secret, err error) {
	add := func(config kube.RegistryConfig) error {
		if config.Err != nil {
			return config.Err
		}
		secret, err := registryauth.ParseSecret(fmt.Sprintf("Secret %q in namespace %q", config.Secret, c.Namespace()), config.JSON)
		if err == nil {
			secrets = append(secrets, secret)
		}
		return err
	}
	for _, name := range o.Secrets {
		config, err := c.RegistrySecret(ctx, name)
		if err == nil {
			err = add(config)
		}
		if err != nil {
			return nil, &ClusterSecretError{Flag: "--registry-secret", Value: name, Err: err}
		}
	}
	for _, name := range o.ServiceAccounts {
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
			d.warn(fmt.Sprintf("--registry-service-account %q: not used: %v", name, each))
		}
		if err != nil {
			return nil, &ClusterSecretError{Flag: "--registry-service-account", Value: name, Err: err}
		}
	}
	return secrets, nil
}
