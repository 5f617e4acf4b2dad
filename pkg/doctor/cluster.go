package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

func isForbidden(err error) bool {
	var forbidden *kube.ForbiddenError
	return errors.As(err, &forbidden)
}

func (d *doctor) kubeconfig(context.Context) checkup.Finding {
	client, err := d.Cluster()
	if err != nil {
		return failed(err)
	}
	d.client = client
	host, err := d.Host()
	if err != nil {
		return failed(err)
	}
	where := "the Pod's own ServiceAccount"
	name := d.Context()
	if name != "" {
		where = fmt.Sprintf("context %q", name)
	}
	return ok(map[string]string{"context": name, "server": host, "namespace": client.Namespace()},
		"%s, server %s, namespace %q", where, host, client.Namespace())
}

// server also looks at the builder, which the later checks are about.
func (d *doctor) server(ctx context.Context) checkup.Finding {
	server, err := d.client.Server(ctx)
	if err != nil {
		return failed(err)
	}
	d.inspection, d.missing = d.client.Inspect(ctx, d.options.Builder)
	if d.inspection == nil {
		d.inspection = &cluster.Inspection{Needs: cluster.NeedsOf(builder.Spec{Name: d.options.Builder})}
	}
	version := server.Version
	if version == "" {
		version = "of an unknown version"
	}
	finding := ok(server, "Kubernetes %s: %s to connect, then %s a round trip", version, milliseconds(server.Connect), milliseconds(server.RoundTrip))
	if skew := d.client.Skew(); skew != 0 {
		finding.Status, finding.Remedy = checkup.Warning, "check the clock of this machine: "+driver.ClockIs(skew)
	}
	return finding
}

func (d *doctor) mayBuild(ctx context.Context) checkup.Finding {
	name := d.options.Builder
	members := d.inspection.Names()
	if len(members) == 0 {
		members = builder.MemberNames(name, 1, false)
	}
	answers, err := d.client.Access(ctx, cluster.PermissionsToBuild(name, members, d.inspection.Adopted()))
	if err != nil {
		return unknownOr(err)
	}
	denied, helpful := lacking(answers)
	if d.inspection.Adopted() && len(denied) > 0 {
		return checkup.Finding{
			Status: checkup.Failed, Message: "you may not " + strings.Join(denied, ", "), Class: fault.Denied, Details: answers,
			Remedy: "a builder that install did not make is reached with exec: ask an administrator for create on pods/exec",
		}
	}
	switch {
	case len(denied) > 0:
		return checkup.Finding{
			Status: checkup.Failed, Message: "you may not " + strings.Join(denied, ", "), Class: fault.Denied, Details: answers,
			Remedy: explain.BindRole(d.client.Namespace(), name, d.client.User(ctx)),
		}
	case len(helpful) > 0:
		return checkup.Finding{
			Status: checkup.Warning, Details: answers,
			Message: "you may build; why a builder was lost cannot be reported, since you may not " + strings.Join(helpful, ", "),
			Remedy:  explain.BindRole(d.client.Namespace(), name, d.client.User(ctx)),
		}
	}
	return ok(answers, "all %d that a build needs", len(answers))
}

func (d *doctor) mayInstall(ctx context.Context) checkup.Finding {
	stateful := len(d.inspection.Members) > 1
	answers, err := d.client.Access(ctx, cluster.PermissionsToInstall(stateful))
	if err != nil {
		return unknownOr(err)
	}
	denied := []string{}
	for _, answer := range answers {
		if !answer.Allowed {
			denied = append(denied, answer.String())
		}
	}
	switch {
	case len(denied) == 0:
		return ok(answers, "all %d that install needs", len(answers))
	case d.missing == nil:
		// A user who builds need not install.
		finding := skipped("not needed to build with the builder that is there; lacking: %s", strings.Join(denied, ", "))
		finding.Details = answers
		return finding
	}
	return checkup.Finding{
		Status: checkup.Failed, Message: "no builder found, and you may not " + strings.Join(denied, ", "), Class: fault.Denied, Details: answers,
		Remedy: fmt.Sprintf("ask an administrator to run: kubectl buildkit install %s -n %s", d.options.Builder, d.client.Namespace()),
	}
}

// lacking returns the permissions that are denied: those that a build needs, and those that only
// help.
func lacking(answers []kube.Access) (essential, helpful []string) {
	for _, answer := range answers {
		switch {
		case answer.Allowed:
		case answer.Essential():
			essential = append(essential, answer.String())
		default:
			helpful = append(helpful, answer.String())
		}
	}
	return essential, helpful
}

// podSecurity tries the whole of admission where the user may create Pods, else it reads the label.
func (d *doctor) podSecurity(ctx context.Context) checkup.Finding {
	if namespace := (&kube.NamespaceNotFoundError{}); errors.As(d.missing, &namespace) {
		return skipped("%v", namespace)
	}
	admitted := install.Admits(ctx, d.client, builder.Spec{Name: d.options.Builder})
	var refused *kube.AdmissionError
	quota := errors.As(admitted, &refused) && refused.By == "the quota"
	switch {
	case admitted == nil:
		return ok(nil, "a builder's Pod is admitted, as the server's dry run reports")
	case quota && d.missing == nil:
		return ok(nil, "a builder's Pod is admitted; the quota has no room for a second one")
	case refused != nil && d.missing == nil:
		return checkup.Finding{
			Status: checkup.Warning, Message: "the builder could not be installed again: " + refused.Error(), Remedy: explain.Error(refused).Next,
		}
	case !isForbidden(admitted):
		return failed(admitted)
	}
	level, err := d.client.PodSecurity(ctx)
	switch {
	case err != nil:
		return checkup.Finding{Status: checkup.Unknown, Message: "you may neither create Pods nor read the namespace's label"}
	case level == "", level == "privileged":
		return ok(nil, "the namespace enforces %q", orPlain(level, "the cluster's default level"))
	}
	return failed(&kube.AdmissionError{
		By: "Pod Security", Kind: "Pod", Name: d.options.Builder, Namespace: d.client.Namespace(), Message: "the namespace enforces " + level,
	})
}

func (d *doctor) fittingNodes(ctx context.Context) checkup.Finding {
	nodes, err := d.client.Nodes(ctx, d.inspection.Needs)
	if err != nil {
		return unknownOr(err)
	}
	d.nodes = nodes
	var architectures, obstacles []string
	for _, node := range nodes {
		if node.Obstacle == "" {
			architectures = output.AppendNew(architectures, node.Architecture)
		} else {
			obstacles = append(obstacles, node.Name+": "+node.Obstacle)
		}
	}
	slices.Sort(architectures)
	summary := fmt.Sprintf("%d of %d fit", len(nodes)-len(obstacles), len(nodes))
	switch {
	case len(architectures) > 0 && len(obstacles) == 0:
		return ok(nodes, "%s (%s)", summary, strings.Join(architectures, ", "))
	case len(architectures) > 0:
		return ok(nodes, "%s (%s); not %s", summary, strings.Join(architectures, ", "), strings.Join(obstacles, "; "))
	}
	return checkup.Finding{
		Status: checkup.Failed, Message: summary + ": " + strings.Join(obstacles, "; "), Details: nodes, Class: fault.Unavailable,
		Remedy: "adapt --node-selector, --toleration or --request of install; kubectl describe nodes",
	}
}
