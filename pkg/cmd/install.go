package cmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const installLong = `Put a builder into the namespace, or change the one that is there.

A builder is BuildKit's daemon in a Pod. Only users who may read its client Secret and forward ports to its Pod can
connect to it: the Role NAME-user, which install makes, permits just that.

The settings are stored with the builder. Running install again changes what its flags name and keeps the rest: flags
that can be repeated add to the values that are stored, --unset takes a setting or one of its values back, --reset all
of them. "kubectl buildkit info" shows the settings. An unchanged builder is not written.

Changes are listed before they are made. If the cache or the history of a Pod is lost with them, install asks on a
terminal; elsewhere it needs --yes. A Pod that is replaced is stopped once its running builds have ended, one of several
members at a time. If a new Pod does not start, the builder is rolled back to its former settings.`

const installExample = `  # A builder named buildkitd in the current namespace
  kubectl buildkit install

  # One without privileges, with limits, on nodes with fast disks
  kubectl buildkit install --rootless --limit cpu=4,memory=8Gi --node-selector disk=ssd

  # Registries with a private CA, with plain HTTP, and a mirror of Docker Hub
  kubectl buildkit install --registry-ca ca.pem --insecure-registry registry.local:5000 \
    --registry-mirror docker.io=mirror.local:5000

  # Three members, each with a volume that outlives its Pod
  kubectl buildkit install --replicas 3 --storage 50Gi

  # Members that a drain takes away one at a time, spread over zones
  kubectl buildkit install --replicas 3 --pod-disruption-budget 1 --topology-spread topology.kubernetes.io/zone

  # What no flag says: fields of the objects, e.g. "kind: Pod" with "spec: {dnsPolicy: Default}"
  kubectl buildkit install --patch patch.yaml

  # Metrics for Prometheus, on port 9464 of each Pod
  kubectl buildkit install --metrics

  # Change one thing, keep the rest; take one thing back
  kubectl buildkit install --limit memory=16Gi
  kubectl buildkit install --unset insecure-registry=registry.local:5000

  # After a leak: new certificates, and none that accepts the former ones
  kubectl buildkit install --rotate

  # What it would do
  kubectl buildkit install -o yaml --dry-run=client`

// defaultInstallTimeout leaves a node time to pull the image over a slow link; what cannot work
// fails much sooner.
const defaultInstallTimeout = 5 * time.Minute

type installOptions struct {
	spec    specFlags
	dryRun  string // "none", "client" or "server"
	output  string // "" or "yaml"
	force   bool
	rotate  bool
	yes     bool
	wait    bool
	timeout time.Duration
}

func newInstallCommand(f *factory, run func(context.Context, *installOptions) error) *cobra.Command {
	o := &installOptions{}
	if run == nil {
		run = func(ctx context.Context, o *installOptions) error { return runInstall(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "install [NAME]",
		Short:   "Put a builder into the namespace, or change it",
		Long:    installLong,
		Example: installExample,
		RunE: func(c *cobra.Command, args []string) error {
			o.spec.name = nameArgument(c, args)
			return run(c.Context(), o)
		},
	}
	flags := c.Flags()
	o.spec.register(flags)
	flags.StringVarP(&o.output, "output", "o", "", `Print the objects instead of a summary: "yaml"`)
	flags.StringVar(&o.dryRun, "dry-run", "none", `"client" asks no server, "server" asks the cluster; neither changes anything`)
	flags.Lookup("dry-run").NoOptDefVal = "client"
	flags.BoolVar(&o.force, "force", false, "Replace the Pod at once, without waiting for its running builds, nor for a node that is lost")
	flags.BoolVar(&o.rotate, "rotate", false, "Issue new certificates, and replace every Pod once its builds have ended: the former ones are refused then")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Agree to what is lost, e.g. a cache, without being asked")
	flags.BoolVar(&o.wait, "wait", true, "Wait until the daemon has answered")
	flags.DurationVar(&o.timeout, "timeout", defaultInstallTimeout, "How long a Pod may take to start; its predecessor's builds do not count")
	takesBuilder(c)
	return c
}

func (o *installOptions) check() error {
	if o.output != "" && o.output != "yaml" {
		return &usage.Error{What: "--output", Value: o.output, Reason: "there is only yaml"}
	}
	switch o.dryRun {
	case "none", "client", "server":
	default:
		return &usage.Error{What: "--dry-run", Value: o.dryRun, Reason: "must be one of: none, client, server"}
	}
	if o.timeout <= 0 {
		return &usage.Error{What: "--timeout", Value: o.timeout.String(), Reason: "it is not a positive duration", Next: "write e.g. 2m"}
	}
	return nil
}

func runInstall(ctx context.Context, f *factory, o *installOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	edit, err := o.spec.edit()
	if err != nil {
		return err
	}
	if o.dryRun == "client" {
		return printPlan(f, o.spec.name, edit, o.output)
	}
	outcome, err := installBuilder(ctx, f, o.spec.name, edit, install.Options{
		DryRun: o.dryRun == "server", Force: o.force, NoWait: !o.wait, Timeout: o.timeout, Rotate: o.rotate, ReplaceExpiring: o.yes,
		Confirm: (&confirmation{
			f: f, yes: o.yes, dry: o.dryRun == "server", reset: o.spec.reset, again: f.again("--yes"),
		}).ask,
	})
	if err != nil {
		return err
	}
	if o.output == "yaml" {
		return printYAML(f, withoutKeys(outcome.Objects, o.dryRun == "server"))
	}
	return printOutcome(f, outcome, o)
}

// installBuilder is what `install` and the first `build` share: it waits, unless told not to, until
// the daemon has answered.
func installBuilder(
	ctx context.Context, f *factory, name string, edit install.Edit, options install.Options,
) (install.Outcome, error) {
	namespace, err := f.Namespace()
	if err != nil {
		return install.Outcome{}, err
	}
	if options.Confirm == nil {
		again := fmt.Sprintf("kubectl buildkit install %s -n %s --yes", name, namespace)
		options.Confirm = (&confirmation{f: f, quiet: true, again: again}).ask
	}
	return f.Install(ctx, name, edit, options)
}

// printPlan prints what install would apply to an empty namespace. No cluster is asked.
func printPlan(f *factory, name string, edit install.Edit, output string) error {
	namespace, err := f.Namespace()
	if err != nil {
		return err
	}
	spec, err := edit(builder.Spec{Name: name, Namespace: namespace})
	if err != nil {
		return err
	}
	if slices.Contains(spec.Emulate, builder.EmulateMissing) {
		return &usage.Error{
			What: "--emulate", Reason: "no server is asked, so which platforms no node has is not known",
			Next: "name those that are to be emulated, e.g. --emulate=linux/arm64, or write --dry-run=server",
		}
	}
	if spec.Mode == builder.ModeAuto {
		return &usage.Error{What: "--mode", Value: spec.Mode, Reason: "no server is asked", Next: "name another mode, or write --dry-run=server"}
	}
	var objects []manifest.Object
	for _, each := range append(spec.Further(), spec) {
		certificates, err := trust.Issue(time.Now(), each.Name)
		if err != nil {
			return err
		}
		made, err := manifest.New(each, certificates)
		if err != nil {
			return err
		}
		objects = append(objects, made.All()...)
	}
	if output == "yaml" {
		return printYAML(f, objects)
	}
	for _, object := range objects {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		if _, err := escape.Fprintf(f.streams.Out, "%s/%s (dry run)\n", kind, object.GetName()); err != nil {
			return err
		}
	}
	return nil
}

// withoutKeys leaves out what Secrets hold, unless it was made for this output alone: logs of
// scripts are read by many.
func withoutKeys(objects []manifest.Object, dryRun bool) []manifest.Object {
	if dryRun {
		return objects
	}
	shown := make([]manifest.Object, 0, len(objects))
	for _, object := range objects {
		if secret, ok := object.(*corev1.Secret); ok {
			secret = secret.DeepCopy()
			secret.Data = nil
			object = secret
		}
		shown = append(shown, object)
	}
	return shown
}

func printYAML(f *factory, objects []manifest.Object) error {
	text, err := manifest.YAML(objects)
	if err != nil {
		return err
	}
	_, err = f.streams.Results().Write(text)
	return err
}

func printOutcome(f *factory, outcome install.Outcome, o *installOptions) error {
	suffix := ""
	if o.dryRun == "server" {
		suffix = " (server dry run)"
	}
	if outcome.Renewed && outcome.Connection != nil {
		escape.Fprintln(f.streams.ErrOut, "certificates issued, valid until", outcome.Connection.Expires.Format(time.DateOnly))
	}
	noteFormer(f, outcome, o.spec.name)
	if outcome.FormerLimits {
		escape.Fprintln(f.streams.ErrOut, "running Pods keep the cache limits of the former size; to restart each after its builds, with those of the new one: "+
			f.pasteable(explain.Reinstall(o.spec.name, f.namespaceOf())+" --rotate"))
	}
	if connection := outcome.Connection; o.rotate && suffix == "" && connection != nil {
		escape.Fprintln(f.streams.ErrOut, rotationText(o.wait && connection.Former == nil))
	}
	if _, err := escape.Fprintf(f.streams.Out, "builder/%s %s%s\n", o.spec.name, outcome.Change, suffix); err != nil {
		return err
	}
	if outcome.Change == install.Created && suffix == "" && o.wait {
		build := "kubectl buildkit build " + explain.Named(o.spec.name, f.namespaceOf()) + " -t REGISTRY/NAME:TAG --push ."
		escape.Fprintln(f.streams.ErrOut, "now: "+f.pasteable(build))
	}
	return nil
}

// rotationText says from when on the former certificates are of no use.
func rotationText(ended bool) string {
	if ended {
		return "the former certificates are refused: every Pod has the new ones"
	}
	return "the former certificates are accepted until every Pod has been replaced, and kept for that until the next install"
}

// noteFormer says of Pods that go on with their former certificates until when they can, and how
// they take the new ones.
func noteFormer(f *factory, outcome install.Outcome, name string) {
	until := outcome.FormerUntil
	if until.IsZero() {
		return
	}
	escape.Fprintf(f.streams.ErrOut, "running Pods keep their former certificates, which end on %s; they take the new ones when they are restarted\n",
		until.Format(time.DateOnly))
	if c, err := f.Cluster(); err == nil && until.Sub(c.Now()) < cluster.ExpiryNotice {
		escape.Fprintln(f.streams.ErrOut, "to replace them now, with their cache: "+f.pasteable(explain.Reinstall(name, c.Namespace())+" --yes"))
	}
}
