// Package doctor has the checks of the prerequisites of a build, from the kubeconfig to the push.
// What to do about a finding it takes from pkg/explain; it must not know how findings are printed.
package doctor

import (
	"context"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// Options is what is checked.
type Options struct {
	// Builder is its name.
	Builder string
	// Registries are hosts that this machine should reach, and Pushes images that it should be
	// allowed to push.
	Registries, Pushes []string
	// Credentials is where the docker config is.
	Credentials registryauth.Options
}

// Checks returns the checks of a builder, in their order. They change nothing, in the cluster or in
// a registry, and their findings hold no secret.
func Checks(d *driver.Driver, o Options) []checkup.Check {
	return (&doctor{Driver: d, options: o}).checks()
}

// doctor is one run of the checks. What one finds out the later ones use.
type doctor struct {
	*driver.Driver
	options Options

	client     *cluster.Client
	inspection *cluster.Inspection
	missing    error // why no builder was found
	nodes      []cluster.Node
	attempts   map[tunnel.Transport]attempt
	docker     *registryauth.Provider
}

// Names of the checks that others need.
const (
	checkKubeconfig = "kubeconfig"
	checkServer     = "API server"
	checkBuilder    = "builder"
	checkCerts      = "certificates"
	checkDocker     = "docker config"
)

func (d *doctor) checks() []checkup.Check {
	cluster := []string{checkKubeconfig, checkServer}
	reached := []string{checkServer, checkBuilder}
	checks := []checkup.Check{
		{Name: checkKubeconfig, Run: d.kubeconfig},
		{Name: checkServer, Needs: []string{checkKubeconfig}, Run: d.server},
		{Name: "permission to build", Needs: cluster, Run: d.mayBuild},
		{Name: "permission to install", Needs: cluster, Run: d.mayInstall},
		{Name: "Pod Security", Needs: cluster, Run: d.podSecurity},
		{Name: "nodes", Needs: cluster, Run: d.fittingNodes},
		{Name: "user namespaces", Needs: cluster, Run: d.isolation},
		{Name: "image", Needs: cluster, Run: d.image},
		{Name: checkBuilder, Needs: cluster, Run: d.builder},
		{Name: checkCerts, Needs: reached, Run: d.certificates},
	}
	for _, transport := range []tunnel.Transport{tunnel.WebSocket, tunnel.SPDY, tunnel.Exec} {
		checks = append(checks, checkup.Check{
			Name: "tunnel: " + string(transport), Needs: append(reached, checkCerts),
			Run: func(ctx context.Context) checkup.Finding { return d.tunnel(ctx, transport) },
		})
	}
	checks = append(checks,
		checkup.Check{Name: "daemon", Needs: append(reached, checkCerts), Run: d.daemon},
		checkup.Check{Name: checkDocker, Run: d.dockerConfig},
	)
	return append(checks, d.registryChecks()...)
}

func ok(details any, format string, args ...any) checkup.Finding {
	return checkup.Finding{Status: checkup.OK, Message: fmt.Sprintf(format, args...), Details: details}
}

func skipped(format string, args ...any) checkup.Finding {
	return checkup.Finding{Status: checkup.Skipped, Message: fmt.Sprintf(format, args...)}
}

// failed is an error as a build would report it.
func failed(err error) checkup.Finding {
	report := explain.Error(err)
	return checkup.Finding{Status: checkup.Failed, Message: report.Text, Remedy: report.Next, Class: explain.ClassOf(err)}
}

// unknownOr returns "unknown" if the user may not see it, else a failure.
func unknownOr(err error) checkup.Finding {
	if isForbidden(err) {
		return checkup.Finding{Status: checkup.Unknown, Message: err.Error()}
	}
	return failed(err)
}
