package driver

import (
	"cmp"
	"context"
	"net"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// Access is how to reach the cluster, and which namespace is used.
type Access interface {
	// Config returns a *KubeconfigError where it is not known.
	Config() (*rest.Config, error)
	// Namespace returns a *KubeconfigError where it is not known, and a *usage.Error for an invalid
	// one.
	Namespace() (string, error)
	// Context is the kubeconfig's context in force; empty where there is none.
	Context() string
}

// Driver uses the builders of one namespace. Its methods may be called at the same time.
type Driver struct {
	read   func(context string) Access
	notify func(Notice)
	noted  *sync.Map // texts of notices that are passed on once
	proofs *sync.Map // what each member has Presented, by the UID of its Pod

	transport tunnel.Transport // of what is asked without ConnectOptions
	context   string           // of the kubeconfig, where an earlier driver has chosen it
	access    Access
	config    func() (*rest.Config, error)
	namespace func() (string, error)
	// dial, if it is not nil, opens the connections to the API server.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// New returns a driver for the builders of a namespace. It makes no request.
func New(config *rest.Config, namespace string) *Driver {
	return Open(func(string) Access { return fixed{config: config, namespace: namespace} }, nil)
}

// Open returns a driver that reads how to reach the cluster when it is used, and again after each
// loss of a builder: the credentials may have been renewed meanwhile. Then read gets the context of
// the kubeconfig that was used before; at first it gets none. Notices are passed to notify, which
// may be nil and may be called at the same time.
func Open(read func(context string) Access, notify func(Notice)) *Driver {
	d := &Driver{read: read, notify: notify, noted: &sync.Map{}, proofs: &sync.Map{}, transport: tunnel.Auto}
	d.readOnce()
	return d
}

// renewed is a driver for another try after a loss. It reads again how to reach the cluster, and
// shares no connection with d: those of net/http may be as dead as the one that was lost, and would
// be used for half a minute more. Context and namespace stay, although the user may have switched
// the kubeconfig to others meanwhile.
func (d *Driver) renewed() *Driver {
	dialer := net.Dialer{Timeout: dialTimeout}
	again := &Driver{
		read: d.read, notify: d.notify, noted: d.noted, proofs: d.proofs, transport: d.transport, dial: dialer.DialContext,
		context: cmp.Or(d.context, d.Context()),
	}
	again.readOnce()
	again.namespace = d.namespace
	return again
}

// in returns a driver for another namespace of the same cluster.
func (d *Driver) in(namespace string) *Driver {
	other := *d
	other.namespace = func() (string, error) { return namespace, nil }
	return &other
}

func (d *Driver) readOnce() {
	d.access = d.read(d.context)
	d.namespace = sync.OnceValues(d.access.Namespace)
	d.config = sync.OnceValues(func() (*rest.Config, error) {
		config, err := d.access.Config()
		if err == nil && d.dial != nil && config.Dial == nil {
			config = rest.CopyConfig(config)
			config.Dial = d.dial
		}
		return config, err
	})
}

// Cluster returns the client of the Kubernetes half for the namespace. It makes no request. The
// error is that of the driver's Access: a *KubeconfigError or a *usage.Error.
func (d *Driver) Cluster() (*cluster.Client, error) {
	config, err := d.config()
	if err != nil {
		return nil, err
	}
	namespace, err := d.namespace()
	if err != nil {
		return nil, err
	}
	client, err := cluster.New(config, namespace)
	if err != nil { // e.g. its server is not a URL, or a certificate that it names cannot be read
		return nil, &KubeconfigError{Err: err}
	}
	return client, nil
}

// Namespace returns the namespace, or the error of the driver's Access: a *KubeconfigError or a
// *usage.Error.
func (d *Driver) Namespace() (string, error) { return d.namespace() }

// Host returns the address of the API server, or the error of the driver's Access, a
// *KubeconfigError.
func (d *Driver) Host() (string, error) {
	config, err := d.config()
	if err != nil {
		return "", err
	}
	return config.Host, nil
}

// Context returns the kubeconfig's context in force; empty where there is none, e.g. inside a Pod.
func (d *Driver) Context() string { return d.access.Context() }

func (d *Driver) dialer(transport tunnel.Transport) (tunnel.Dialer, error) {
	config, err := d.config()
	return tunnel.Dialer{Config: config, Transport: transport}, err
}

// fixed is the Access of a program that has a configuration.
type fixed struct {
	config    *rest.Config
	namespace string
}

func (f fixed) Config() (*rest.Config, error) { return f.config, nil }
func (f fixed) Namespace() (string, error)    { return f.namespace, nil }
func (f fixed) Context() string               { return "" }
