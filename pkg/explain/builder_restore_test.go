package explain

import (
	"errors"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// What a build restores, and what it only explains; each with the code and the command that helps.
func TestNextStepsOfBuildersThatAreNotThere(t *testing.T) {
	const command = "kubectl buildkit install buildkitd -n team"
	notReady := func(reason string, ended bool) error {
		return &cluster.NotReadyError{Name: "buildkitd", Namespace: "team", Pod: "buildkitd", Reason: reason, Ended: ended}
	}
	forbidden := &kube.ForbiddenError{User: "jane", Verb: "get", Resource: "secrets", Name: "buildkitd-client", Namespace: "team"}
	doubt := func(d cluster.Doubt) *cluster.UnverifiedError {
		return &cluster.UnverifiedError{Name: "buildkitd", Namespace: "team", Pod: "buildkitd", Secret: "buildkitd-client", Doubt: d, Err: forbidden}
	}
	expired := &cluster.ExpiredError{Name: "buildkitd", Namespace: "team", Err: &trust.UnusableError{Reason: "end on 2027-01-01", Expired: true}}
	early := &trust.UnusableError{Reason: "are not valid before 2027-01-01", ValidFrom: time.Unix(1, 0)}
	member := cluster.Member{Builder: "buildkitd", Namespace: "team", Pod: "buildkitd"}
	for name, test := range map[string]struct {
		err      error
		restored bool
		code     int
		next     string
	}{
		"no Pod":       {notReady(cluster.ReasonMissing, false), true, CodeNoBuilder, command},
		"evicted":      {notReady("Evicted", true), true, CodeNoBuilder, command},
		"no Secret":    {notReady(cluster.ReasonNoConnection, false), false, CodeNoBuilder, command},
		"pulls badly":  {notReady("ImagePullBackOff", false), false, CodeNoBuilder, "kubectl describe pod buildkitd -n team"},
		"expired":      {expired, true, CodeNoBuilder, command},
		"not yet":      {&cluster.ExpiredError{Name: "buildkitd", Namespace: "team", Skew: -3 * time.Minute, Err: early}, true, CodeNoBuilder, "check the clock of this machine: it is 3m behind the API server; issue them anew: " + command},
		"not yet, too": {&cluster.ExpiredError{Name: "buildkitd", Namespace: "team", Err: early}, true, CodeNoBuilder, "the clock of the machine that issued them was ahead; issue them anew: " + command},
		"not allowed":  {&driver.UnrestoredError{Name: "buildkitd", Namespace: "team", Cause: notReady(cluster.ReasonMissing, false), Err: forbidden}, true, CodeNoBuilder, "ask an administrator to run: " + command},
		"not known": {&driver.UnrestoredError{Name: "buildkitd", Namespace: "team", Cause: notReady(cluster.ReasonMissing, false), Err: &install.PartialSettingsError{Name: "buildkitd"}},
			true, CodeNoBuilder, command + ", with the flags that it was installed with"},
		"another's Pod": {doubt(cluster.DoubtCertificates), false, CodeNoBuilder,
			"see whose it is: kubectl get pod buildkitd -n team -o yaml; once it is deleted, restore the builder: " + command},
		"another's Secret": {doubt(cluster.DoubtOtherSecret), false, CodeNoBuilder, "if the Pod is yours and has no certificates, the same command with --adopt"},
		"a secret Secret": {doubt(cluster.DoubtUnreadable), false, CodeDenied,
			"ask an administrator: kubectl create rolebinding buildkitd-user-jane -n team --role buildkitd-user --user jane; or, if the Pod is yours and has no certificates, the same command with --adopt"},
		"outlived": {&cluster.ExpiredError{Name: "buildkitd", Namespace: "team", Pod: "buildkitd", End: time.Unix(1, 0), Err: &solve.TLSError{Cause: errors.New("tls")}},
			true, CodeNoBuilder, command},
		"other certificates": {&cluster.UntrustedError{Member: member, Err: &solve.TLSError{Cause: errors.New("tls")}}, false, CodeNoBuilder,
			"see whose it is: kubectl get pod buildkitd -n team -o yaml; give a Pod of the builder its certificates: " + command},
	} {
		if report := Error(test.err); report.Code != test.code || report.Next != test.next {
			t.Errorf("%s: code %d, next %q; want %d, %q", name, report.Code, report.Next, test.code, test.next)
		}
		if got := driver.Restorable(test.err); got != test.restored {
			t.Errorf("%s: restored is %t", name, got)
		}
	}
}
