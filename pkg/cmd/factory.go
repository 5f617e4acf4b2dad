package cmd

import (
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// factory gives commands what they stand on. Everything is made when it is asked for: a command that needs no cluster
// never reads a kubeconfig.
type factory struct {
	streams   genericiooptions.IOStreams
	lookupEnv func(string) (string, bool)
	flags     *genericclioptions.ConfigFlags
}

func newFactory(streams genericiooptions.IOStreams, lookupEnv func(string) (string, bool)) *factory {
	return &factory{streams: streams, lookupEnv: lookupEnv, flags: genericclioptions.NewConfigFlags(true)}
}

// config is how to reach the API server, from kubectl's flags and kubeconfig, or from inside a Pod.
func (f *factory) config() (*rest.Config, error) {
	config, err := f.flags.ToRESTConfig()
	if err != nil {
		return nil, &kubeconfigError{err: err}
	}
	config.WarningHandler = rest.NewWarningWriter(f.streams.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	return config, nil
}

// namespace is kubectl's: the flag, else the kubeconfig's, else the Pod's own, else "default".
func (f *factory) namespace() (string, error) {
	namespace, _, err := f.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", &kubeconfigError{err: err}
	}
	return namespace, nil
}

// cluster is the Kubernetes half's client for the namespace.
func (f *factory) cluster() (*cluster.Client, error) {
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	namespace, err := f.namespace()
	if err != nil {
		return nil, err
	}
	return cluster.New(config, namespace)
}
