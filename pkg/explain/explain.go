package explain

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Report is an error as its reader sees it: what is wrong, what to do next, and the exit code for
// scripts.
type Report struct {
	Text string // empty where it was printed already
	Next string // may be empty
	Code int
}

// ExitError is returned to end the program with the exit code of another one. There is nothing to
// print.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// Class returns fault.Failed: what the code means is known to the other program alone.
func (e *ExitError) Class() fault.Class { return fault.Failed }

// Error turns what the packages know into what a person needs. It is the only place that knows
// both.
func Error(err error) Report {
	if ended := (*ExitError)(nil); errors.As(err, &ended) {
		return Report{Code: ended.Code}
	}
	report, ok := explainNoAnswer(err)
	if !ok {
		report = explainCause(err)
	}
	if incomplete := (*install.IncompleteError)(nil); errors.As(err, &incomplete) {
		report.Text += leftBehind("may still be there", incomplete.Removed, incomplete.Remaining)
		if len(incomplete.Remaining) > 0 {
			report.Next = joinSteps(report.Next, "run the command again, which goes on from there")
		}
	}
	addFamily(err, &report)
	if tooManyFiles(err) {
		report.Next = "let it open more files, e.g. in the shell before the same command: ulimit -n 4096"
	}
	report.Code = codeOf(ClassOf(err))
	return report
}

// Ended is Error for the end of a program whose context is ctx: what follows from Ctrl-C is not
// reported, and nothing is when the program that reads the output has ended.
func Ended(ctx context.Context, err error) Report {
	if outputEnded(ctx, err) {
		return Report{Code: codeOf(fault.Interrupted)}
	}
	if ended := (*ExitError)(nil); ctx.Err() != nil && !errors.As(err, &ended) {
		return Report{Text: "interrupted", Code: codeOf(fault.Interrupted)}
	}
	return Error(err)
}

// outputEnded reports whether the context ended with the reader of the output, or the error is that
// it did.
func outputEnded(ctx context.Context, err error) bool {
	var writing *fs.PathError
	return errors.Is(context.Cause(ctx), syscall.EPIPE) ||
		errors.As(err, &writing) && errors.Is(writing, syscall.EPIPE) && (writing.Path == "/dev/stdout" || writing.Path == "/dev/stderr")
}

// explainCause returns the text and the next step of an error that has one cause.
func explainCause(err error) Report {
	for _, explanation := range []func(error) (Report, bool){
		explainWarning, explainFamily, explainUsage, explainEphemeral, explainMember, explainAnswer, explainHistory, explainClusterSecret, explainUnrestored, explainUnverified, explainPermission, explainBuilder, explainTunnel, explainRegistry, explainShortage, explainReason, explainStep, explainQueue, explainBuild, explainFiles,
	} {
		if report, ok := explanation(err); ok {
			return report
		}
	}
	return Report{Text: err.Error()}
}

func explainUsage(err error) (Report, bool) {
	var (
		wrong      *usage.Error
		kubeconfig *driver.KubeconfigError
		foreign    *install.ForeignError
	)
	switch {
	case errors.As(err, &wrong):
		return Report{Text: wrong.Text(), Next: nextForPath(wrong.Reason, wrong.Next)}, true
	case errors.As(err, &kubeconfig):
		return Report{Text: kubeconfig.Error(), Next: "check --kubeconfig, --context and $KUBECONFIG: kubectl config get-contexts"}, true
	case errors.As(err, &foreign):
		return Report{Text: foreign.Error(), Next: nextForForeign(foreign)}, true
	}
	return explainInstall(err)
}

func explainBuilder(err error) (Report, bool) {
	var (
		notFound    *cluster.NotFoundError
		noNamespace *kube.NamespaceNotFoundError
		nodeLost    *cluster.NodeLostError
		notReady    *cluster.NotReadyError
		terminating *cluster.TerminatingError
		expired     *cluster.ExpiredError
		unreachable *kube.UnreachableError
		server      *kube.ServerError
		foreign     *kube.ForeignServerError
		start       *install.StartError
	)
	switch {
	case errors.As(err, &notFound):
		return Report{Text: notFound.Error(), Next: nextForNotFound(notFound)}, true
	case errors.As(err, &noNamespace):
		return Report{Text: noNamespace.Error(), Next: "kubectl create namespace " + noNamespace.Namespace + ", or choose another with -n"}, true
	case errors.As(err, &nodeLost):
		return Report{Text: nodeLost.Error(), Next: "give it up without its node: the same command with --force"}, true
	case errors.As(err, &notReady) && notReady.Reason == cluster.ReasonNodeLost:
		return Report{Text: notReady.Error(), Next: elsewhere(notReady.Name, notReady.Namespace)}, true
	case errors.As(err, &notReady) && notReady.Reason == cluster.ReasonUnassigned:
		return Report{Text: notReady.Error(), Next: Reinstall(notReady.Name, notReady.Namespace) + " --unset scheduler, which leaves it to the cluster's own"}, true
	case errors.As(err, &notReady) && notReady.Reason == cluster.ReasonNoUserNamespace:
		return Report{Text: notReady.Error(), Next: withoutUserNamespace(notReady.Name, notReady.Namespace)}, true
	case errors.As(err, &notReady) && (driver.Restorable(err) || notReady.Reason == cluster.ReasonNoConnection):
		return Report{Text: notReady.Error(), Next: Reinstall(notReady.Name, notReady.Namespace)}, true
	case errors.As(err, &notReady):
		return Report{Text: notReady.Error(), Next: inspect(notReady.Namespace, notReady.Pod)}, true
	case errors.As(err, &terminating):
		next := fmt.Sprintf("kubectl wait pod/%s -n %s --for=delete, then %s", terminating.Pod, terminating.Namespace,
			Reinstall(terminating.Name, terminating.Namespace))
		return Report{Text: terminating.Error(), Next: next}, true
	case errors.As(err, &expired):
		return Report{Text: expired.Error(), Next: nextForCertificates(expired)}, true
	case errors.As(err, &start):
		return explainStart(start), true
	case errors.As(err, &server):
		return Report{Text: err.Error(), Next: "run the command again in a moment; if it ends the same way, ask the administrator of the cluster"}, true
	case errors.As(err, &foreign):
		return Report{Text: foreign.Error(), Next: otherAddress + "; a network's login page or a proxy may answer in its place"}, true
	case errors.As(err, &unreachable):
		return Report{Text: unreachable.Error(), Next: nextForCluster(unreachable)}, true
	}
	return Report{}, false
}

// nextForNotFound names a builder that may have been meant; without one, how to install what was
// named.
func nextForNotFound(e *cluster.NotFoundError) string {
	install := Reinstall(e.Name, e.Namespace)
	switch similar := Closest(e.Name, e.Others); {
	case e.Unwanted:
		return "kubectl buildkit list -A, which shows the builders there are"
	case len(similar) > 0:
		return "did you mean " + strings.Join(similar, " or ") + "? To install another: " + install
	case len(e.Others) > 0:
		return install + ", or name one of the others"
	}
	return install + "; those of other namespaces: kubectl buildkit list -A"
}

// elsewhere is for a builder whose node is lost.
func elsewhere(name, namespace string) string {
	return fmt.Sprintf("kubectl buildkit install %s -n %s --force, which puts it on another node", name, namespace)
}

// withoutUserNamespace is for a builder in mode userns on a node that has none.
func withoutUserNamespace(name, namespace string) string {
	return Reinstall(name, namespace) + " --mode rootless, or use nodes with Kubernetes 1.33, Linux 6.3, runc 1.2, and containerd 2.0 or CRI-O 1.25, " +
		"with --node-selector: kubectl get nodes --show-labels"
}

func inspect(namespace, pod string) string {
	return fmt.Sprintf("kubectl describe pod %s -n %s", pod, namespace)
}

func explainStart(e *install.StartError) Report {
	text := e.Error()
	if len(e.Logs) > 0 {
		text += "\n  the daemon's last lines:\n    " + strings.Join(e.Logs, "\n    ")
	}
	switch {
	case e.RolledBack:
		text += "\n  rolled back: its members and its settings are what they were before"
		if e.Grown != "" {
			text += ", but for the volumes, which keep " + e.Grown
		}
		if e.CacheLost {
			text += ", and the cache of each Pod that was replaced is lost"
		}
	case e.RollBack != nil:
		text += "\n  rolling back: " + e.RollBack.Error()
	default:
		text += leftBehind("still there", e.Removed, e.Remaining)
	}
	next := ""
	switch {
	case e.Reason == cluster.ReasonNodeLost:
		next = elsewhere(e.Name, e.Namespace)
	case e.Reason == cluster.ReasonUnassigned:
		next = "name a scheduler that runs in this cluster with --scheduler, or leave it out: the cluster's own is default-scheduler"
	case e.Reason == cluster.ReasonNoStepNetwork:
		next = Reinstall(e.Name, e.Namespace) + " --step-network host"
	case e.Reason == cluster.ReasonNoEmulation:
		next = "check --emulate-image, or build without emulation: leave out --emulate, or --unset emulate"
	case e.NoNode != "":
		next = "add a node of that architecture, or emulate it: the same command with --emulate"
	case e.Reason == cluster.ReasonNoUserNamespace:
		next = withoutUserNamespace(e.Name, e.Namespace)
	case e.Reason == "Unschedulable":
		next = "compare --node-selector, --toleration and --request with the nodes: kubectl get nodes --show-labels"
	case strings.Contains(e.Reason, "Image"):
		next = "check --image and --image-pull-secret, or whether the nodes reach that registry"
	case e.RolledBack:
		next = fmt.Sprintf("correct what was to change; what the builder is now: kubectl buildkit info %s -n %s", e.Name, e.Namespace)
	case len(e.Remaining) > 0 || e.RollBack != nil: // it may still come up; removing it would take its settings and its cache as well
		next = Reinstall(e.Name, e.Namespace) + ", which goes on from there"
	}
	return Report{Text: text, Next: next}
}

// leftBehind is the line about the objects of an install that failed; empty if there were none.
func leftBehind(label string, removed, remaining []kube.Reference) string {
	switch {
	case len(remaining) > 0:
		return fmt.Sprintf("\n  %s: %v", label, remaining)
	case len(removed) > 0:
		return "\n  everything this install made was removed again"
	}
	return ""
}

// joinSteps returns two next steps, the first of which may be empty.
func joinSteps(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; then " + second
}

func explainTunnel(err error) (Report, bool) {
	var (
		lostBuilder *driver.LostError
		lost        *tunnel.LostError
		refused     *tunnel.ConnRefusedError
		dial        *tunnel.DialError
		command     *tunnel.CommandNotFoundError
	)
	switch {
	case errors.As(err, &command):
		return Report{Text: command.Error(), Next: "kubectl buildkit list -n " + command.Namespace}, true
	case errors.As(err, &lostBuilder):
		return explainLost(lostBuilder), true
	case errors.As(err, &lost):
		return Report{Text: err.Error(), Next: inspect(lost.Namespace, lost.Pod)}, true
	case errors.As(err, &refused):
		return Report{Text: err.Error(), Next: fmt.Sprintf("the daemon does not listen there: kubectl logs %s -n %s", refused.Pod, refused.Namespace)}, true
	case errors.As(err, &dial):
		return Report{Text: err.Error(), Next: "try another --transport: websocket, spdy or exec"}, true
	}
	return Report{}, false
}

// otherAddress is for an address at which something else than a cluster's API answers.
const otherAddress = "check the address of the cluster, its scheme, port and path: kubectl config view --minify"

// nextForCluster is about an API server that does not answer, or a proxy in its place.
func nextForCluster(e *kube.UnreachableError) string {
	var (
		invalid x509.CertificateInvalidError
		name    x509.HostnameError
	)
	text := e.Err.Error()
	says := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case errors.As(e, &invalid) && invalid.Reason == x509.Expired:
		return "compare this machine's clock with the times above: date -u; if it is right, the administrator of the cluster has to renew the certificate"
	case errors.As(e, &name):
		return "use an address that the certificate is for, or name one of its names with --tls-server-name: kubectl config view --minify"
	case says("x509: "):
		return "another cluster may have this address now: get its kubeconfig anew, or check the certificate authority there: kubectl config view --minify"
	case e.Proxy != "":
		return "check proxy-url of the cluster in the kubeconfig, else $HTTPS_PROXY and the password in it, or add the cluster's host to $NO_PROXY"
	case says("does not look like a TLS handshake"), says("HTTP response"), says("stopped after 10 redirects"), says("unsupported protocol scheme"):
		return otherAddress
	}
	return "check the network, a VPN, and: kubectl version"
}
