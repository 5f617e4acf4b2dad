package cluster

import (
	"crypto/tls"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// ExpiryNotice is how long before their end users are warned of certificates that are still in use.
const ExpiryNotice = 30 * 24 * time.Hour

// Member is one Pod of a builder.
type Member struct {
	// Builder is the builder's name; for an unmanaged one, the Pod's.
	Builder string
	// Namespace, Pod and UID say which Pod it is; the UID tells it from a later Pod of the same
	// name.
	Namespace, Pod, UID string
	// Container is the daemon's container.
	Container string
	// Image is the image that container was asked to run.
	Image string
	// Node is where it runs; empty before it is scheduled.
	Node string
	// Mode is one of builder.Modes; empty when it is not known.
	Mode string
	// Adopted says that it is an unmanaged builder: there are no certificates for it, and nothing
	// authenticates it.
	Adopted bool
	// Ephemeral says that its builder was made for one build.
	Ephemeral bool
	// MemoryLimit is what the daemon and its steps may use together, e.g. "4Gi"; empty if only the
	// node sets a limit.
	MemoryLimit string
	// MemoryRequest is what is reserved for them; empty if nothing is.
	MemoryRequest string
	// State is what to call its condition in a table, e.g. "Ready", "Starting", "Terminating",
	// "ImagePullBackOff".
	State string
	// Ready says that builds may be sent to it.
	Ready bool
	// Restarts is how often the daemon was restarted.
	Restarts int32
	// Created is when the Pod was made.
	Created time.Time
	// Spec identifies all that the Pod was started with; empty for an unmanaged one.
	Spec string
}

// Starting reports whether the container runs, and no probe has seen yet that its daemon listens.
func (m Member) Starting() bool { return m.State == stateStarting }

// DialStdio is the command that, run in the daemon's container, carries a connection to the
// daemon's socket over its standard input and output.
func (m Member) DialStdio() []string {
	return []string{"buildctl", "dial-stdio"}
}

// Connection is the connection document: all that a client needs to know of a builder, besides
// where its Pods are.
type Connection struct {
	// CA and Client are the certificates of mutual TLS, PEM. Former are those of before the last
	// renewal, which members that were not restarted since then accept; nil if there are none.
	CA     []byte
	Client trust.Pair
	Former *trust.Identity
	// RegistryCA is PEM that clients trust besides the system's, as the daemon does; it may be
	// empty.
	RegistryCA []byte
	// InsecureRegistries are hosts that the daemon reaches without verified TLS, or with plain
	// HTTP.
	InsecureRegistries []string
	// Members are the names of the builder's Pods.
	Members []string
	// MaxBuilds is how many builds a member runs at once; 0 means no limit.
	MaxBuilds int32
	// Platforms are those that the builder was installed for, in that order; empty where it was for
	// none.
	Platforms []builder.Native
	// Expires is when the client's certificate ends.
	Expires time.Time

	now func() time.Time
}

// TLS returns the client's configuration for the daemon's port, at the time of the API server's
// clock. It fails with a *trust.UnusableError.
func (c *Connection) TLS() (*tls.Config, error) {
	if c.Former == nil {
		return trust.ClientConfig(c.now(), c.CA, c.Client)
	}
	return trust.ClientConfig(c.now(), c.CA, c.Client, *c.Former)
}

// WithoutFormer is a connection to members that have the current certificates, and to no others.
func (c *Connection) WithoutFormer() *Connection {
	current := *c
	current.Former = nil
	return &current
}

// RenewalDue reports whether a builder's certificates are near enough to their end to be renewed by
// Renew.
func (c *Client) RenewalDue(connection *Connection) bool {
	return trust.NeedsRenewal(c.Now(), connection.Client.Certificate)
}
