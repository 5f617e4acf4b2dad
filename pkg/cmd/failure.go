package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// The exit codes of every command, as the README documents them.
const (
	exitOK          = 0
	exitFailed      = 1   // the build failed, or something no other code is for
	exitUsage       = 2   // the command line, or a file it names, is wrong
	exitNoBuilder   = 3   // there is no builder, it does not start, it cannot be reached, its disk is full, it cannot reach a registry, or it was lost
	exitDenied      = 4   // the cluster or a registry does not permit it
	exitInterrupted = 130 // Ctrl-C
)

// failure is an error as its reader sees it: what is wrong, what to do next, and the code for scripts.
type failure struct {
	text string
	next string // may be empty
	code int
}

// explain turns what the packages know into what a person needs. It is the only place that knows both.
func explain(ctx context.Context, err error) failure {
	if ended := (*exitStatusError)(nil); errors.As(err, &ended) {
		return failure{code: ended.code}
	}
	if ctx.Err() != nil {
		return failure{text: "interrupted", code: exitInterrupted}
	}
	if told, ok := explainNoAnswer(err); ok {
		return told
	}
	return explainOne(err)
}

// explainOne is explain for what has one cause.
func explainOne(err error) failure {
	for _, explanation := range []func(error) (failure, bool){
		explainWarning, explainUsage, explainCheckup, explainHistory, explainSource, explainUnrestored, explainUnverified, explainPermission, explainBuilder, explainTunnel, explainRegistry, explainAnswer, explainShortage, explainReason, explainStep, explainBuild, explainFiles,
	} {
		if told, ok := explanation(err); ok {
			return told
		}
	}
	return failure{text: err.Error(), code: exitFailed}
}

func explainUsage(err error) (failure, bool) {
	var (
		wrong      *usage.Error
		kubeconfig *driver.KubeconfigError
		foreign    *cluster.ForeignError
	)
	switch {
	case errors.As(err, &wrong):
		return failure{text: wrong.Text(), next: wrong.Next, code: exitUsage}, true
	case errors.As(err, &kubeconfig):
		return failure{text: kubeconfig.Error(), next: "check --kubeconfig, --context and $KUBECONFIG: kubectl config get-contexts", code: exitUsage}, true
	case errors.As(err, &foreign):
		return failure{
			text: fmt.Sprintf("%s %q in namespace %q was not installed by kubectl buildkit", foreign.Kind, foreign.Name, foreign.Namespace),
			next: "choose another name, e.g. kubectl buildkit install " + foreign.Name + "-2; builds can use what is there: --builder " + foreign.Name,
			code: exitUsage,
		}, true
	}
	return explainInstall(err)
}

func explainBuilder(err error) (failure, bool) {
	var (
		notFound    *cluster.NotFoundError
		noNamespace *kube.NamespaceNotFoundError
		nodeLost    *cluster.NodeLostError
		notReady    *cluster.NotReadyError
		terminating *cluster.TerminatingError
		expired     *cluster.ExpiredError
		unreachable *kube.UnreachableError
		start       *cluster.StartError
	)
	switch {
	case errors.As(err, &notFound):
		return failure{text: notFound.Error(), next: nextForNotFound(notFound), code: exitNoBuilder}, true
	case errors.As(err, &noNamespace):
		return failure{text: noNamespace.Error(), next: "kubectl create namespace " + noNamespace.Namespace + ", or choose another with -n", code: exitNoBuilder}, true
	case errors.As(err, &nodeLost):
		return failure{text: nodeLost.Error(), next: "give it up without its node: the same command with --force", code: exitNoBuilder}, true
	case errors.As(err, &notReady) && notReady.Reason == cluster.ReasonNodeLost:
		return failure{text: notReady.Error(), next: elsewhere(notReady.Name, notReady.Namespace), code: exitNoBuilder}, true
	case errors.As(err, &notReady) && (restorable(err) || notReady.Reason == cluster.ReasonNoConnection):
		return failure{text: notReady.Error(), next: reinstall(notReady.Name, notReady.Namespace), code: exitNoBuilder}, true
	case errors.As(err, &notReady):
		return failure{text: notReady.Error(), next: inspect(notReady.Namespace, notReady.Pod), code: exitNoBuilder}, true
	case errors.As(err, &terminating):
		next := fmt.Sprintf("kubectl wait pod/%s -n %s --for=delete, then %s", terminating.Pod, terminating.Namespace,
			reinstall(terminating.Name, terminating.Namespace))
		return failure{text: terminating.Error(), next: next, code: exitNoBuilder}, true
	case errors.As(err, &expired):
		return failure{text: expired.Error(), next: nextForCertificates(expired), code: exitNoBuilder}, true
	case errors.As(err, &start):
		return explainStart(start), true
	case errors.As(err, &unreachable):
		return failure{text: unreachable.Error(), next: nextForCluster(unreachable), code: exitNoBuilder}, true
	}
	return failure{}, false
}

// nextForNotFound names a builder that may have been meant; without one, how to install what was named.
func nextForNotFound(e *cluster.NotFoundError) string {
	install := reinstall(e.Name, e.Namespace)
	switch similar := closest(e.Name, e.Others); {
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

func inspect(namespace, pod string) string {
	return fmt.Sprintf("kubectl describe pod %s -n %s", pod, namespace)
}

func explainStart(e *cluster.StartError) failure {
	text := e.Error()
	if len(e.Logs) > 0 {
		text += "\n  the daemon's last lines:\n    " + strings.Join(e.Logs, "\n    ")
	}
	switch {
	case len(e.Remaining) > 0:
		text += fmt.Sprintf("\n  still there: %v", e.Remaining)
	case len(e.Removed) > 0:
		text += "\n  everything this install made was removed again"
	}
	next := ""
	switch {
	case e.Reason == cluster.ReasonNodeLost:
		next = elsewhere(e.Name, e.Namespace)
	case e.Reason == "Unschedulable":
		next = "compare --node-selector, --toleration and --request with the nodes: kubectl get nodes --show-labels"
	case strings.Contains(e.Reason, "Image"):
		next = "check --image and --image-pull-secret, or whether the nodes reach that registry"
	case len(e.Remaining) > 0: // it may still come up; removing it would take its settings and its cache as well
		next = reinstall(e.Name, e.Namespace) + ", which goes on from there"
	}
	return failure{text: text, next: next, code: exitNoBuilder}
}

func explainBuild(err error) (failure, bool) {
	var (
		failed      *solve.FailedStepError
		lost        *solve.LostError
		stranger    *solve.RefusedError
		unsupported *solve.UnsupportedError
	)
	switch {
	case errors.As(err, &failed):
		return failure{text: err.Error(), code: exitFailed}, true
	case errors.As(err, &lost):
		return failure{text: err.Error(), next: "kubectl buildkit list, to see whether the builder is there", code: exitNoBuilder}, true
	case errors.As(err, &stranger):
		return failure{text: err.Error(), next: "kubectl buildkit install, which makes certificates and daemon fit again", code: exitNoBuilder}, true
	case errors.As(err, &unsupported):
		return failure{text: err.Error(), next: "kubectl buildkit install, which brings the daemon up to this plugin's version", code: exitNoBuilder}, true
	}
	return failure{}, false
}

func explainTunnel(err error) (failure, bool) {
	var (
		gone    *driver.LostError
		lost    *tunnel.LostError
		refused *tunnel.RefusedError
		dial    *tunnel.DialError
		command *tunnel.CommandNotFoundError
	)
	switch {
	case errors.As(err, &command):
		return failure{text: command.Error(), next: "kubectl buildkit list -n " + command.Namespace, code: exitNoBuilder}, true
	case errors.As(err, &gone):
		return explainLost(gone), true
	case errors.As(err, &lost):
		return failure{text: err.Error(), next: inspect(lost.Namespace, lost.Pod), code: exitNoBuilder}, true
	case errors.As(err, &refused):
		return failure{text: err.Error(), next: fmt.Sprintf("the daemon does not listen there: kubectl logs %s -n %s", refused.Pod, refused.Namespace), code: exitNoBuilder}, true
	case errors.As(err, &dial):
		return failure{text: err.Error(), next: "try another --transport: websocket, spdy or exec", code: exitNoBuilder}, true
	}
	return failure{}, false
}
