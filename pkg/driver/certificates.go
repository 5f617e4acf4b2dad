package driver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// ExpiringError is the warning that certificates are about to expire.
type ExpiringError struct {
	Builder, Namespace string
	Pod                string // set if it is the Pod that still uses them, after they were renewed
	Expires            time.Time
	Err                error // why they were not renewed; nil for those of a Pod
}

func (e *ExpiringError) Error() string {
	if e.Pod != "" {
		return fmt.Sprintf("the certificates that Pod %q uses end on %s", e.Pod, e.Expires.Format(time.DateOnly))
	}
	return fmt.Sprintf("the certificates of builder %q end on %s, and renewing them failed: %v", e.Builder, e.Expires.Format(time.DateOnly), e.Err)
}

func (e *ExpiringError) Unwrap() error { return e.Err }

// Class returns fault.Failed.
func (*ExpiringError) Class() fault.Class { return fault.Failed }

// Unauthenticated reports whether a member lacks certificates that the builder's clients accept: it
// is of no use to them until it is replaced.
func Unauthenticated(err error) bool {
	var (
		expired   *cluster.ExpiredError
		untrusted *cluster.UntrustedError
	)
	return errors.As(err, &expired) || errors.As(err, &untrusted)
}

// noteUnverified reports, once, that nothing authenticates the Pod that is used.
func (d *Driver) noteUnverified(member cluster.Member) {
	if member.Adopted {
		d.once(Notice{Warning: true, Text: fmt.Sprintf("builder %q is unmanaged and not authenticated: install did not make Pod %q in namespace %q, "+
			"and the user who did can read all that a build sends", member.Builder, member.Pod, member.Namespace)})
	}
}

// renewalTimeout bounds the renewal of certificates before a build.
const renewalTimeout = 10 * time.Second

// renewCertificates renews certificates that are about to expire, where the user may, and else
// warns of the end. Running members keep theirs until they are restarted, so nothing is
// interrupted.
func (d *Driver) renewCertificates(ctx context.Context, c *cluster.Client, o ConnectOptions, r *reached) {
	if r.certificates == nil || !o.Renew || !c.RenewalDue(r.certificates) {
		return
	}
	renewing, stop := context.WithTimeout(ctx, renewalTimeout)
	defer stop()
	renewed, err := install.Renew(renewing, c, o.Builder)
	switch {
	case err == nil:
		r.certificates = renewed
		d.once(Notice{Text: fmt.Sprintf("the certificates of builder %q in namespace %q were renewed until %s; its Pods take them when they are restarted",
			o.Builder, c.Namespace(), renewed.Expires.Format(time.DateOnly))})
	case r.certificates.Expires.Sub(c.Now()) < cluster.ExpiryNotice:
		d.warnOnce(&ExpiringError{Builder: o.Builder, Namespace: c.Namespace(), Expires: r.certificates.Expires, Err: err})
	}
}

// Presented is the certificate of a daemon.
type Presented struct {
	// End is when it ends.
	End time.Time
	// Former is set if the builder's certificates were issued anew since the daemon was started: it
	// accepts the former ones of clients, and no others, until it is restarted.
	Former bool
}

// presentedBy returns what the member has presented last.
func (d *Driver) presentedBy(member cluster.Member) Presented {
	value, _ := d.proofs.Load(member.UID)
	presented, _ := value.(Presented)
	return presented
}

// noteCertificate keeps what a daemon presents, and warns if that ends soon: it was not restarted
// since the renewal.
func (d *Driver) noteCertificate(member cluster.Member, now func() time.Time, certificates *cluster.Connection) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		end := state.PeerCertificates[0].NotAfter
		d.proofs.Store(member.UID, Presented{End: end, Former: !trust.IssuedBy(certificates.CA, state.PeerCertificates[0])})
		if end.Sub(now()) < cluster.ExpiryNotice {
			d.warnOnce(&ExpiringError{Builder: member.Builder, Namespace: member.Namespace, Pod: member.Pod, Expires: end})
		}
		return nil
	}
}

// skewNotice is from which difference on a build warns of this machine's clock: registries and
// their tokens go by it.
const skewNotice = 10 * time.Minute

// noteSkew warns of a clock that is wrong.
func (d *Driver) noteSkew(c *cluster.Client) {
	if skew := c.Skew(); skew.Abs() >= skewNotice {
		d.once(Notice{Warning: true, Text: "check the clock of this machine: " + ClockIs(skew)})
	}
}

// ClockIs describes how this machine's clock differs from the API server's.
func ClockIs(skew time.Duration) string {
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	return fmt.Sprintf("it is %s %s the API server", duration.HumanDuration(skew.Abs()), side)
}
