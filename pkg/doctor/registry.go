package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

func (d *doctor) dockerConfig(context.Context) checkup.Finding {
	config := registryauth.Read(d.options.Credentials)
	credentials := config.Provider(registryauth.Build{})
	if err := d.trust(credentials); err != nil {
		return failed(err)
	}
	d.docker = credentials
	summary := config.Summary()
	var missing, present []string
	for _, helper := range summary.Helpers {
		about := helper.Program
		if len(helper.Hosts) > 0 {
			about += " for " + strings.Join(helper.Hosts, ", ")
		}
		if helper.Missing {
			missing = append(missing, about)
		} else {
			present = append(present, about)
		}
	}
	text := fmt.Sprintf("%s has credentials for %s", summary.Path, output.OrNone(summary.Registries, "no registry"))
	switch {
	case summary.Path == "":
		text = "the home directory is not known, so the docker config cannot be found"
	case summary.Absent && len(summary.Registries) == 0:
		text = summary.Path + " does not exist: registries are asked without credentials"
	}
	if len(summary.Faults) > 0 {
		return checkup.Finding{
			Status: checkup.Warning, Message: strings.Join(summary.Faults, "; "), Details: summary,
			Remedy: "fix what is named; builds go on without it",
		}
	}
	if len(present) > 0 {
		text += "; helpers: " + strings.Join(present, "; ")
	}
	if len(missing) > 0 {
		return checkup.Finding{
			Status: checkup.Warning, Message: text + "; not in PATH: " + strings.Join(missing, "; "), Details: summary,
			Remedy: "install the helper, or take its name out of credsStore and credHelpers in " + summary.Path,
		}
	}
	return ok(summary, "%s", text)
}

// trust makes the credentials trust what the builder does, as far as its document can be read.
func (d *doctor) trust(credentials *registryauth.Provider) error {
	if d.inspection == nil || d.inspection.Connection == nil {
		return credentials.Trust(nil)
	}
	return credentials.Trust(d.inspection.Connection.RegistryCA, d.inspection.Connection.InsecureRegistries...)
}

func (d *doctor) registryChecks() []checkup.Check {
	if len(d.options.Registries)+len(d.options.Pushes) == 0 {
		return []checkup.Check{{Name: "registries", Needs: []string{checkDocker}, Run: func(context.Context) checkup.Finding {
			return skipped("none was named: --registry HOST, or --push-to IMAGE")
		}}}
	}
	var checks []checkup.Check
	for _, host := range d.options.Registries {
		checks = append(checks, checkup.Check{
			Name: "registry: " + host, Needs: []string{checkDocker},
			Run: func(ctx context.Context) checkup.Finding {
				standing, err := d.docker.Reach(ctx, host)
				return d.standing(standing, err, "is reached from here")
			},
		})
	}
	for _, reference := range d.options.Pushes {
		checks = append(checks, checkup.Check{
			Name: "push: " + reference, Needs: []string{checkDocker},
			Run: func(ctx context.Context) checkup.Finding {
				standing, err := d.docker.MayPush(ctx, reference)
				if standing.Unseen {
					return d.standing(standing, err, "accepts the account (the repository does not exist yet, or is not visible to it: only a push shows whether it may be created)")
				}
				return d.standing(standing, err, "permits the push")
			},
		})
	}
	return checks
}

func (d *doctor) standing(standing registryauth.Standing, err error, what string) checkup.Finding {
	if err != nil {
		finding := failed(err)
		if unreachable := (&registryauth.UnreachableError{}); errors.As(err, &unreachable) && (unreachable.Untrusted || unreachable.Plain) {
			flag := "--registry-ca FILE"
			if unreachable.Plain {
				flag = "--insecure-registry " + unreachable.Host
			}
			finding.Remedy = fmt.Sprintf("kubectl buildkit install %s -n %s %s", d.options.Builder, d.client.Namespace(), flag)
		}
		return finding
	}
	switch {
	case standing.Open:
		return ok(standing, "it %s; the registry accepts anonymous access", what)
	case standing.User != "":
		return ok(standing, "it %s, for user %q of %s", what, standing.User, standing.Source)
	}
	return ok(standing, "it %s, with the token of %s", what, orPlain(standing.Source, "an anonymous user"))
}

func orPlain(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
