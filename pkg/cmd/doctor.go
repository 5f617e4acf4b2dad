package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/doctor"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const doctorLong = `Check the prerequisites of a build in order, from the kubeconfig to the push, and suggest fixes.

Each check is "ok", "warning" (it works, but not as it should), "failed", "skipped" (another one comes first, or it
was not asked for) or "unknown" (you may not see it, which is not a problem). Nothing is changed, in the cluster or in a registry,
and no secret is printed.

The exit code is 0 when no check has failed, else the one that a build would end with: 2 for a wrong kubeconfig or docker
config, 3 when no builder can be reached, 4 when the cluster or a registry does not permit it.`

const doctorExample = `  # Why does my build not work?
  kubectl buildkit doctor

  # Another builder, and whether its users may push there
  kubectl buildkit doctor team --push-to registry.example.com/team/app

  # Does this machine reach the registry, and does it know me?
  kubectl buildkit doctor --registry registry.example.com

  # For a script
  kubectl buildkit doctor -o json`

type doctorOptions struct {
	builder    string
	output     string
	registries []string
	pushes     []string
}

func newDoctorCommand(f *factory, run func(context.Context, *doctorOptions) error) *cobra.Command {
	o := &doctorOptions{}
	if run == nil {
		run = func(ctx context.Context, o *doctorOptions) error { return runDoctor(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "doctor [NAME]",
		Short:   "Check the prerequisites of a build and suggest fixes",
		Long:    doctorLong,
		Example: doctorExample,
		RunE: func(c *cobra.Command, args []string) error {
			o.builder = nameArgument(c, args)
			return run(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "Output format: "+output.Values)
	flags.Var((*list)(&o.registries), "registry", "Check that this registry is reached from here and accepts the credentials (repeatable)")
	flags.Var((*list)(&o.pushes), "push-to", "Check that this image may be pushed, without pushing it (repeatable)")
	takesBuilder(c)
	return c
}

func (o *doctorOptions) check() error {
	if err := output.CheckValue(o.output); err != nil {
		return err
	}
	for i, host := range o.registries {
		parsed, err := registryauth.ParseHost(host)
		if err != nil {
			return &usage.Error{What: "--registry", Value: host, Reason: err.Error()}
		}
		o.registries[i] = parsed
	}
	for _, reference := range o.pushes {
		if !registryauth.ValidReference(reference) {
			return &usage.Error{What: "--push-to", Value: reference, Reason: "it is not the name of an image", Next: "write e.g. registry.example.com/team/app"}
		}
	}
	return builder.ValidateName(o.builder)
}

func runDoctor(ctx context.Context, f *factory, o *doctorOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	checks := doctor.Checks(f.Driver, doctor.Options{
		Builder: o.builder, Registries: o.registries, Pushes: o.pushes, Credentials: f.credentialOptions(),
	})
	for i, check := range checks {
		checks[i].Run = func(ctx context.Context) checkup.Finding {
			finding := check.Run(ctx)
			finding.Remedy = f.pasteable(finding.Remedy)
			return finding
		}
	}
	printer := checkup.NewPrinter(f.streams.Raw.Out, checks, !f.noColors() && terminal.Is(f.streams.Raw.Out))
	var failed error
	results := checkup.Run(ctx, checks, func(result checkup.Result) {
		if o.output == "" && failed == nil {
			failed = printer.Print(result)
		}
	})
	if o.output == "" && failed == nil {
		failed = printer.Flush()
	}
	if o.output == "" && ctx.Err() == nil {
		f.printVerdict(results)
	}
	if o.output != "" {
		failed = output.PrintValue(f.streams.Results(), o.output, struct {
			OK     bool             `json:"ok"`
			Checks []checkup.Result `json:"checks"`
		}{checkup.Err(results) == nil, results})
	}
	if failed != nil {
		return failed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return checkup.Err(results)
}

// printVerdict closes the list where nothing failed; else the error does.
func (f *factory) printVerdict(results []checkup.Result) {
	if checkup.Err(results) != nil {
		return
	}
	warnings := 0
	for _, result := range results {
		if result.Status == checkup.Warning {
			warnings++
		}
	}
	verdict := "ready to build"
	if warnings > 0 {
		verdict += fmt.Sprintf("; warnings: %d", warnings)
	}
	escape.Fprintln(f.streams.Out, verdict)
}
