package explain

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func explainPermission(err error) (Report, bool) {
	var (
		forbidden       *kube.ForbiddenError
		unauthorized    *kube.UnauthorizedError
		credentials     *kube.CredentialsError
		admission       *kube.AdmissionError
		tunnelForbidden *tunnel.ForbiddenError
	)
	switch {
	case errors.As(err, &forbidden):
		return Report{Text: err.Error(), Next: nextForPermission(forbidden)}, true
	case errors.As(err, &tunnelForbidden):
		return Report{Text: err.Error(), Next: nextForTunnel(tunnelForbidden)}, true
	case errors.As(err, &unauthorized):
		return Report{Text: err.Error(), Next: "log in to the cluster again, or choose another --context"}, true
	case errors.As(err, &credentials):
		return Report{Text: err.Error(), Next: nextForCredentials(credentials)}, true
	case errors.As(err, &admission):
		return Report{Text: err.Error(), Next: nextForRefusal(admission)}, true
	}
	return Report{}, false
}

func nextForCredentials(e *kube.CredentialsError) string {
	if e.Missing() {
		return "install the program that the kubeconfig names for it (users: exec), or choose another --context"
	}
	return "log in with the program that the kubeconfig names for it (users: exec), or choose another --context"
}

func nextForPermission(e *kube.ForbiddenError) string {
	if name, ok := strings.CutSuffix(e.Name, "-client"); ok && e.Resource == "secrets" {
		return BindRole(e.Namespace, name, e.User)
	}
	where := "-A"
	if e.Namespace != "" {
		where = "-n " + e.Namespace
	}
	return fmt.Sprintf("ask an administrator for this permission; check with: kubectl auth can-i %s %s %s", e.Verb, e.Resource, where)
}

// nextForTunnel is for a transport that is not permitted. The Role of a builder's users has no
// exec.
func nextForTunnel(e *tunnel.ForbiddenError) string {
	name := e.Builder
	if name == "" {
		name = e.Pod
	}
	if e.Resource != "pods/exec" {
		return BindRole(e.Namespace, name, userIn(e.Err))
	}
	return fmt.Sprintf("leave out --transport: Role %s permits port-forward only; a builder that install did not make needs create and get on pods/exec",
		builder.RoleName(name))
}

// userIn returns the user that the API server's message names; empty if it names none.
func userIn(err error) string {
	if err == nil {
		return ""
	}
	_, rest, _ := strings.Cut(err.Error(), `User "`)
	user, _, found := strings.Cut(rest, `" cannot `)
	if !found {
		return ""
	}
	return user
}

// BindRole is how an administrator lets a user, who may be unknown, use the builder of that name.
func BindRole(namespace, name, user string) string {
	role := builder.RoleName(name)
	subject, suffix := "--user USER", "USER"
	if user != "" {
		subject, suffix = "--user "+Quote(user), regexp.MustCompile(`[^a-z0-9.-]+`).ReplaceAllString(strings.ToLower(user), "-")
	}
	if account, found := strings.CutPrefix(user, "system:serviceaccount:"); found {
		subject = "--serviceaccount " + account
	}
	return fmt.Sprintf("ask an administrator: kubectl create rolebinding %s-%s -n %s --role %s %s", role, suffix, namespace, role, subject)
}
