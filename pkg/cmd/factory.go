package cmd

import (
	"sync"

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
	// config is how to reach the API server, from kubectl's flags and kubeconfig, or from inside a Pod. It is read once.
	config func() (*rest.Config, error)
}

func newFactory(streams genericiooptions.IOStreams, lookupEnv func(string) (string, bool)) *factory {
	f := &factory{streams: streams, lookupEnv: lookupEnv, flags: genericclioptions.NewConfigFlags(true)}
	f.config = sync.OnceValues(f.readConfig)
	return f
}

func (f *factory) readConfig() (*rest.Config, error) {
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
