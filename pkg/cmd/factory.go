package cmd

import (
	"context"
	"net"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// factory gives commands what they stand on. Everything is made when it is asked for: a command that needs no cluster
// never reads a kubeconfig.
type factory struct {
	// streams escape what is printed; raw are those below, for what must arrive byte for byte.
	streams   genericiooptions.IOStreams
	raw       genericiooptions.IOStreams
	args      []string // the command line
	lookupEnv func(string) (string, bool)
	flags     *genericclioptions.ConfigFlags
	// kubeconfig is what kubectl's flags and files say, and config how to reach the API server by that, or from inside a
	// Pod. They are read once.
	kubeconfig func() clientcmd.ClientConfig
	config     func() (*rest.Config, error)
	// connectTo, if it is not nil, opens the connections to the API server.
	connectTo func(ctx context.Context, network, address string) (net.Conn, error)
	noted     *sync.Map // lines that are printed once; see noteOnce
	// builderName is the builder that the command line names; empty if it names none.
	builderName string
}

func newFactory(streams genericiooptions.IOStreams, lookupEnv func(string) (string, bool)) *factory {
	// Not persistent: what is read once, and when it is read again, is decided here.
	f := &factory{streams: escapedStreams(streams), raw: streams, lookupEnv: lookupEnv, flags: genericclioptions.NewConfigFlags(false), noted: &sync.Map{}}
	f.readOnce()
	return f
}

// renewed is a factory for another try after a loss. It reads the kubeconfig again, since its credentials may have been
// renewed, and shares no connection with f: those of net/http may be as dead as the one that was lost, and would be
// used for half a minute more.
func (f *factory) renewed() *factory {
	dialer := net.Dialer{Timeout: dialTimeout}
	again := &factory{streams: f.streams, raw: f.raw, lookupEnv: f.lookupEnv, flags: f.flags, connectTo: dialer.DialContext, noted: f.noted}
	again.readOnce()
	return again
}

func (f *factory) readOnce() {
	f.kubeconfig = sync.OnceValue(f.flags.ToRawKubeConfigLoader)
	f.config = sync.OnceValues(f.readConfig)
}

func (f *factory) readConfig() (*rest.Config, error) {
	config, err := f.kubeconfig().ClientConfig()
	if err != nil {
		return nil, &kubeconfigError{err: err}
	}
	if err := f.guessed(config); err != nil {
		return nil, &kubeconfigError{err: err}
	}
	config.Dial = f.connectTo
	config.WarningHandler = &apiWarnings{to: f.streams.ErrOut, seen: map[string]bool{}}
	return config, nil
}

// namespace is kubectl's: the flag, else the kubeconfig's, else the Pod's own, else "default".
func (f *factory) namespace() (string, error) {
	namespace, _, err := f.kubeconfig().Namespace()
	if err != nil {
		return "", &kubeconfigError{err: err}
	}
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return "", &optionError{flag: "--namespace", value: namespace, reason: "invalid name of a namespace", next: "use lower-case letters, digits and -, e.g. team-a"}
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
