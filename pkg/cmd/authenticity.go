package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// untrustedError is returned for a member that does not have the certificates of its builder.
type untrustedError struct {
	member cluster.Member
	err    error // a *solve.RefusedError
}

func (e *untrustedError) Error() string {
	return fmt.Sprintf("Pod %q in namespace %q does not have the certificates of builder %q (Secret %q), so nothing was sent to it: %v",
		e.member.Pod, e.member.Namespace, e.member.Builder, builder.ClientSecretName(e.member.Builder), e.err)
}

func (e *untrustedError) Unwrap() error { return e.err }

// noteUnverified says, once a command, that nothing authenticates the Pod that is used.
func (f *factory) noteUnverified(member cluster.Member) {
	if member.Adopted {
		f.noteOnce(fmt.Sprintf("warning: builder %q is unmanaged and not authenticated: install did not make Pod %q in namespace %q, "+
			"and whoever did can read all that a build sends", member.Builder, member.Pod, member.Namespace))
	}
}

// noteOnce prints a line to the error stream unless this process has printed it before.
func (f *factory) noteOnce(line string) {
	if _, before := f.noted.LoadOrStore(line, true); !before {
		escape.Fprintln(f.streams.ErrOut, line)
	}
}

const (
	// expiryNotice is how long before the end of certificates a build warns of it.
	expiryNotice = 30 * 24 * time.Hour
	// renewalTimeout bounds the renewal of certificates before a build.
	renewalTimeout = 10 * time.Second
)

// renewCertificates renews certificates that are near their end, where the user may, and else warns of the end. Running
// members keep theirs until they are restarted, so nothing is interrupted.
func (f *factory) renewCertificates(ctx context.Context, c *cluster.Client, o connectOptions, r *reached) {
	if r.connection == nil || !o.renew || !c.RenewalDue(r.connection) {
		return
	}
	renewing, stop := context.WithTimeout(ctx, renewalTimeout)
	defer stop()
	renewed, err := c.Renew(renewing, o.builder)
	switch {
	case err == nil:
		r.connection = renewed
		f.noteOnce(fmt.Sprintf("the certificates of builder %q in namespace %q were renewed until %s; its Pods take them when they are restarted",
			o.builder, c.Namespace(), renewed.Expires.Format(time.DateOnly)))
	case r.connection.Expires.Sub(c.Now()) < expiryNotice:
		f.noteOnce(fmt.Sprintf("warning: the certificates of builder %q end on %s, and renewing them failed: %v; ask an administrator to run: %s",
			o.builder, r.connection.Expires.Format(time.DateOnly), err, reinstall(o.builder, c.Namespace())))
	}
}

// noteOldCertificate warns of a daemon whose own certificate ends soon: one that was not restarted since the renewal.
func (f *factory) noteOldCertificate(member cluster.Member, now func() time.Time) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		if end := state.PeerCertificates[0].NotAfter; end.Sub(now()) < expiryNotice {
			f.noteOnce(fmt.Sprintf("warning: the certificates that Pod %q uses end on %s; it takes new ones once its builds have ended, with: %s",
				member.Pod, end.Format(time.DateOnly), reinstall(member.Builder, member.Namespace)))
		}
		return nil
	}
}

// skewNotice is from which difference on a build warns of this machine's clock: registries and their tokens go by it.
const skewNotice = 10 * time.Minute

// noteSkew warns of a clock that is wrong.
func (f *factory) noteSkew(c *cluster.Client) {
	if skew := c.Skew(); skew.Abs() >= skewNotice {
		f.noteOnce("warning: check the clock of this machine: " + clockIs(skew))
	}
}

// clockIs says in words how this machine's clock differs from the API server's.
func clockIs(skew time.Duration) string {
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	return fmt.Sprintf("it is %s %s the API server", duration.HumanDuration(skew.Abs()), side)
}

// nextForCertificates is how certificates that cannot be used now become usable.
func nextForCertificates(e *cluster.ExpiredError) string {
	var unusable *trust.UnusableError
	if !errors.As(e.Err, &unusable) || unusable.ValidFrom.IsZero() {
		return reinstall(e.Name, e.Namespace)
	}
	wrong := "the clock of the machine that issued them was ahead"
	if e.Skew != 0 {
		wrong = "check the clock of this machine: " + clockIs(e.Skew)
	}
	return wrong + "; issue them anew: " + reinstall(e.Name, e.Namespace)
}

// explainUnverified is about Pods that are not used since nothing proves that they are the builder.
func explainUnverified(err error) (failure, bool) {
	var (
		doubt     *cluster.UnverifiedError
		untrusted *untrustedError
	)
	switch {
	case errors.As(err, &doubt) && doubt.Doubt == cluster.DoubtUnreadable:
		user := ""
		if forbidden := (*cluster.ForbiddenError)(nil); errors.As(doubt.Err, &forbidden) {
			user = forbidden.User
		}
		return failure{
			text: doubt.Error(), code: exitDenied,
			next: bindRole(doubt.Namespace, doubt.Name, user) + "; or, if the Pod is yours and has no certificates, the same command with --adopt",
		}, true
	case errors.As(err, &doubt) && doubt.Doubt == cluster.DoubtOtherSecret:
		return failure{text: doubt.Error(), next: "if the Pod is yours and has no certificates, the same command with --adopt", code: exitNoBuilder}, true
	case errors.As(err, &doubt):
		return failure{text: doubt.Error(), next: replaceForeign(doubt.Namespace, doubt.Pod, doubt.Name), code: exitNoBuilder}, true
	case errors.As(err, &untrusted):
		member := untrusted.member
		next := fmt.Sprintf("see whose it is: kubectl get pod %s -n %s -o yaml; give a Pod of the builder its certificates: %s",
			member.Pod, member.Namespace, reinstall(member.Builder, member.Namespace))
		return failure{text: untrusted.Error(), next: next, code: exitNoBuilder}, true
	}
	return failure{}, false
}

// replaceForeign is how a builder gets back the Pod whose name another one has.
func replaceForeign(namespace, pod, name string) string {
	return fmt.Sprintf("see whose it is: kubectl get pod %s -n %s -o yaml; once it is deleted, restore the builder: %s",
		pod, namespace, reinstall(name, namespace))
}
