package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// MissingError says that something a user named is not in the namespace.
type MissingError struct {
	// Kind, Name and Namespace are the object, e.g. "Secret" "npm" in "team".
	Kind, Name, Namespace string
	// Key is what the object lacks; empty when the object does not exist.
	Key string
	// Keys are those the object has.
	Keys []string
}

func (e *MissingError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s %q not found in namespace %q", e.Kind, e.Name, e.Namespace)
	}
	has := "it is empty"
	if len(e.Keys) > 0 {
		has = "it has " + strings.Join(e.Keys, ", ")
	}
	return fmt.Sprintf("%s %q in namespace %q has no key %q: %s", e.Kind, e.Name, e.Namespace, e.Key, has)
}

// Class returns fault.Usage.
func (*MissingError) Class() fault.Class { return fault.Usage }

// UnfitError says that an object is not of the kind that is needed.
type UnfitError struct {
	// Kind, Name and Namespace are the object.
	Kind, Name, Namespace string
	// Reason is what is wrong with it.
	Reason string
}

func (e *UnfitError) Error() string {
	return fmt.Sprintf("%s %q in namespace %q %s", e.Kind, e.Name, e.Namespace, e.Reason)
}

// Class returns fault.Usage.
func (*UnfitError) Class() fault.Class { return fault.Usage }

// RegistryConfig is a docker config that a Secret holds.
type RegistryConfig struct {
	// Secret is the Secret's name.
	Secret string
	// JSON is the docker config; of an old Secret, what is under "auths" alone.
	JSON []byte
	// Err is why there is none: of several pull secrets one may be missing, as the kubelet has it.
	Err error
}

// SecretValue reads one key of a Secret, with the rights of the user who asks.
func (c *Client) SecretValue(ctx context.Context, name, key string) ([]byte, error) {
	secret, err := c.secret(ctx, name)
	if err != nil {
		return nil, err
	}
	value, ok := secret.Data[key]
	if !ok {
		return nil, &MissingError{
			Kind: KindSecret, Name: name, Namespace: c.namespace, Key: key, Keys: slices.Sorted(maps.Keys(secret.Data)),
		}
	}
	return value, nil
}

// RegistrySecret reads the docker config of a Secret, as Pods name it among their imagePullSecrets.
func (c *Client) RegistrySecret(ctx context.Context, name string) (RegistryConfig, error) {
	secret, err := c.secret(ctx, name)
	if err != nil {
		return RegistryConfig{}, err
	}
	key := corev1.DockerConfigJsonKey
	switch secret.Type {
	case corev1.SecretTypeDockerConfigJson:
	case corev1.SecretTypeDockercfg:
		key = corev1.DockerConfigKey
	default:
		return RegistryConfig{}, &UnfitError{
			Kind: KindSecret, Name: name, Namespace: c.namespace,
			Reason: fmt.Sprintf("is of type %q, not %s", secret.Type, corev1.SecretTypeDockerConfigJson),
		}
	}
	return RegistryConfig{Secret: name, JSON: secret.Data[key]}, nil
}

// PullSecrets reads the docker configs that the Pods of a ServiceAccount pull their images with.
// What is wrong with one of them is said there.
func (c *Client) PullSecrets(ctx context.Context, account string) ([]RegistryConfig, error) {
	object := &corev1.ServiceAccount{}
	if err := c.named(ctx, KindServiceAccount, account, object); err != nil {
		return nil, err
	}
	if len(object.ImagePullSecrets) == 0 {
		return nil, &UnfitError{Kind: KindServiceAccount, Name: account, Namespace: c.namespace, Reason: "has no imagePullSecrets"}
	}
	configs := make([]RegistryConfig, len(object.ImagePullSecrets))
	reads := make([]func() error, len(configs))
	for i, each := range object.ImagePullSecrets {
		reads[i] = func() error {
			config, err := c.RegistrySecret(ctx, each.Name)
			config.Secret, config.Err = each.Name, err
			configs[i] = config
			return nil
		}
	}
	return configs, Together(reads...)
}

func (c *Client) secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, c.named(ctx, KindSecret, name, secret)
}

// named is get for what a user named, and may have named wrongly.
func (c *Client) named(ctx context.Context, kind, name string, into runtime.Object) error {
	err := c.Get(ctx, kind, name, into)
	if apierrors.IsNotFound(err) {
		return &MissingError{Kind: kind, Name: name, Namespace: c.namespace}
	}
	return err
}
