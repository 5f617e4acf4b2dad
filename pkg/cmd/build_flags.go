package cmd

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// register declares the flags of a build under Docker's names, a family after the other.
func (o *buildOptions) register(flags *pflag.FlagSet) {
	o.registerInput(flags)
	o.registerSteps(flags)
	o.registerSandbox(flags)
	o.registerCache(flags)
	o.registerOutput(flags)
	o.registerAttestations(flags)
	o.registerFrontend(flags)
	o.registerUpload(flags)
	o.registerLegacy(flags)
	o.registries.register(flags)
	o.connect.register(flags)
	o.connect.registerBuilder(flags)
	flags.StringVar(&o.connect.member, "member", "", "The only member to build on, a Pod or its number, e.g. buildkitd-2 or 2 (default the one with the cache)")
	flags.IntVar(&o.retry.retries, "retries", 5, "How often a build that loses its builder goes on over a new connection")
	flags.DurationVar(&o.retry.within, "retry-timeout", driver.LossTimeout, "Maximum time to wait for the builder after each connection loss")
	flags.DurationVar(&o.queue.Timeout, "queue-timeout", 0, "Maximum time to wait for the build's turn on a builder that limits its builds; 0 is without end")
	flags.StringVar(&o.queue.User, "queue-as", "", "Whose build it is, for the turns on such a builder; others see it (default the name of this user)")
	flags.BoolVar(&o.ephemeral, "ephemeral", false, "Make a builder for this build alone, with the settings of --builder if that is installed, and remove it afterwards")
	flags.Var((*list)(&o.settings), "ephemeral-set", "Setting of that builder, as a flag of install takes it, e.g. rootless or limit=memory=4Gi (repeatable)")
	flags.BoolVar(&o.install, "install", true, "Install the default builder when the namespace has none, and restore one whose Pod was deleted")
}

// connectOptions say which builder, and which way to it.
type connectOptions struct {
	builder   string
	member    string
	named     bool // the user said which, so no other may be installed in its place
	transport string
	adopt     bool
	renew     bool // certificates that are about to expire
}

func (o *connectOptions) driver() driver.ConnectOptions {
	return driver.ConnectOptions{Builder: o.builder, Member: o.member, Transport: tunnel.Transport(o.transport), Adopt: o.adopt, Renew: o.renew}
}

func (o *connectOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.transport, "transport", string(tunnel.Auto), "Transport to the builder: auto, websocket, spdy or exec")
	flags.BoolVar(&o.adopt, "adopt", false, "Use a Pod that nothing authenticates as the builder, e.g. where its Secret cannot be read")
}

// registerBuilder is for commands whose arguments name something else.
func (o *connectOptions) registerBuilder(flags *pflag.FlagSet) {
	flags.StringVar(&o.builder, "builder", builder.DefaultName, "The builder to use")
}

func (o *connectOptions) check() error {
	switch tunnel.Transport(o.transport) {
	case tunnel.Auto, tunnel.WebSocket, tunnel.SPDY, tunnel.Exec:
	default:
		return &usage.Error{What: "--transport", Value: o.transport, Reason: "no such transport", Next: "use auto, websocket, spdy or exec"}
	}
	return builder.ValidateName(o.builder)
}

func (o *buildOptions) registerInput(flags *pflag.FlagSet) {
	flags.StringVarP(&o.File, "file", "f", "", `The Dockerfile (default PATH/Dockerfile); "-" is standard input`)
	flags.Var((*list)(&o.BuildContexts), "build-context", "Another context, NAME=DIR|URL|docker-image://IMAGE|oci-layout://DIR|target:STAGE (repeatable)")
	flags.Var((*list)(&o.Secret), "secret", "Secret for RUN --mount=type=secret, e.g. id=npm,src=FILE; also env=VARIABLE, or k8s=SECRET/KEY of the cluster (repeatable)")
	flags.Var((*list)(&o.SSHKeys), "ssh", "Agent or keys for RUN --mount=type=ssh and git, e.g. default or ID=KEY[,KEY] (repeatable)")
	flags.Var((*list)(&o.Policies), "policy", "Rules for the sources of the build, e.g. filename=policy.json (repeatable)")
}

// registerSteps declares what the Dockerfile is told.
func (o *buildOptions) registerSteps(flags *pflag.FlagSet) {
	flags.Var((*list)(&o.BuildArgs), "build-arg", "Build argument NAME=VALUE; NAME alone takes this environment's value (repeatable)")
	flags.StringVar(&o.Target, "target", "", "The stage to build")
	flags.Var((*list)(&o.Platforms), "platform", "Platforms to build for, e.g. linux/amd64,linux/arm64")
	flags.StringVar(&o.Method, "call", "build", "Evaluate the Dockerfile without building it: check, outline or targets, e.g. check,format=json")
	flags.BoolVar(&o.Check, "check", false, "Short for --call=check")
}

// registerSandbox declares what the steps run in.
func (o *buildOptions) registerSandbox(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.AddHosts, "add-host", nil, "Entry of /etc/hosts, NAME=ADDRESS (repeatable)")
	flags.Var((*list)(&o.Allow), "allow", "Allow extra entitlements: network.host, security.insecure or device (repeatable)")
	flags.StringVar(&o.CgroupParent, "cgroup-parent", "", "The cgroup that the steps run below")
	flags.StringVar(&o.Network, "network", "default", "The network of the steps: default, none, or host, which is the builder's")
	flags.Var((*list)(&o.Resources), "resource", "Limit for each step, e.g. memory=2g or cpu-quota=50000 (repeatable)")
	flags.StringVar(&o.ShmSize, "shm-size", "", "Size of /dev/shm, e.g. 128m")
	flags.Var((*list)(&o.Ulimits), "ulimit", "Limit for each process, NAME=SOFT[:HARD], e.g. nofile=1024:2048 (repeatable)")
}

func (o *buildOptions) registerCache(flags *pflag.FlagSet) {
	flags.Var((*list)(&o.CacheFrom), "cache-from", "Cache to start from, e.g. registry.example.com/app:cache or type=local,src=DIR (repeatable)")
	flags.Var((*list)(&o.CacheTo), "cache-to", "Where the cache goes, e.g. type=registry,ref=registry.example.com/app:cache,mode=max (repeatable)")
	flags.BoolVar(&o.NoCache, "no-cache", false, "Run every step again")
	flags.Var((*list)(&o.NoCacheFilter), "no-cache-filter", "Run the steps of this stage again (repeatable)")
	flags.BoolVar(&o.Pull, "pull", false, "Ask the registry for newer base images")
}

func (o *buildOptions) registerOutput(flags *pflag.FlagSet) {
	flags.VarP((*list)(&o.Tags), "tag", "t", "Name of the image, NAME[:TAG] (repeatable)")
	flags.Var((*list)(&o.Labels), "label", "Label of the image, KEY=VALUE (repeatable)")
	flags.Var((*list)(&o.Annotations), "annotation", "Annotation of the image, [TYPE[PLATFORM]:]KEY=VALUE, e.g. index:a.b=c (repeatable)")
	flags.BoolVar(&o.Push, "push", false, "Push the image to the registries of its tags")
	flags.BoolVar(&o.Load, "load", false, "Load the image into the docker engine of this machine")
	flags.VarP((*list)(&o.Outputs), "output", "o", "Where the result goes, e.g. ./dir or type=oci,dest=image.tar (repeatable)")
	flags.StringVar(&o.MetadataFile, "metadata-file", "", "Write what was built to this file, as JSON")
	flags.StringVar(&o.ImageIDFile, "iidfile", "", "Write the image's ID to this file")
	flags.StringVar(&o.Report, "report", "", "Write a report of the build to this file, one page of HTML, also if the build fails")
	flags.StringVar(&o.progress, "progress", "", "How to show progress: auto, tty, plain, rawjson or quiet (default auto)")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Show no progress: print the answer alone")
	flags.BoolVarP(&o.debug, "debug", "D", false, "Show where in BuildKit an error came from")
}

func (o *buildOptions) registerAttestations(flags *pflag.FlagSet) {
	flags.Var((*list)(&o.Attest), "attest", "Statement about the image, e.g. type=sbom or type=provenance,mode=max (repeatable)")
	flags.StringVar(&o.Provenance, "provenance", "", "Provenance attestation: true, false or e.g. mode=max")
	flags.StringVar(&o.SBOM, "sbom", "", "SBOM attestation: true, false or generator=IMAGE")
}

// registerUpload declares how the context is sent. Docker had a --compress without a value.
func (o *buildOptions) registerUpload(flags *pflag.FlagSet) {
	flags.StringVar(&o.Compress, "compress", "", "Compress the context on its way: "+strings.Join(upload.Modes(), ", ")+` (default "auto")`)
	flags.StringVar(&o.ContextWarning, "context-warning", "100m", "Name the largest paths of a directory when more of it is sent; 0 is never")
	flags.Lookup("compress").NoOptDefVal = string(upload.Always)
}

// takeCompress finds the value of --compress among the arguments, where pflag leaves it if there is
// no "=" before it.
func (o *buildOptions) takeCompress(args []string) []string {
	paths := 1
	if o.FrontendName != "" {
		paths = 0
	}
	if o.Compress == "" || len(args) != paths+1 {
		return args
	}
	i := slices.IndexFunc(args, func(arg string) bool { return slices.Contains(upload.Modes(), arg) })
	if i < 0 {
		return args
	}
	o.Compress = args[i]
	return slices.Delete(slices.Clone(args), i, i+1)
}

// registryOptions are about the registries of a build and the credentials for them.
type registryOptions struct {
	preflight       bool
	secrets         []string
	serviceAccounts []string
	tlsContexts     []string
	auth            []string // nil is every registry
}

func (o *registryOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.preflight, "preflight", true, "Check first that the registries accept the push; nothing is changed there")
	flags.Var((*list)(&o.auth), "registry-auth",
		`Registries whose credentials this build may use, HOST,… or "none"; default: those it asks for (repeatable)`)
	flags.Var((*list)(&o.secrets), "registry-secret",
		"Secret of the namespace with credentials, before those of the docker config (repeatable)")
	flags.Var((*list)(&o.serviceAccounts), "registry-service-account",
		"ServiceAccount whose pull secrets hold credentials, used like --registry-secret (repeatable)")
	flags.Var((*list)(&o.tlsContexts), "registry-auth-tlscontext",
		"TLS of one registry as this machine speaks it, e.g. host=HOST,ca=FILE,cert=FILE,key=FILE or host=HOST,insecure=true (repeatable)")
}

// credentials are those of the user's docker config, for registries that are asked as the flags
// say.
func (o registryOptions) credentials(f *factory) (*registryauth.Config, error) {
	config := f.credentials()
	if o.auth != nil {
		hosts, err := registryauth.ParseHosts(o.auth)
		if err != nil {
			return nil, &usage.Error{
				What: "--registry-auth", Value: strings.Join(o.auth, ","), Reason: reasonOf(err),
				Next: `use HOST,…, e.g. --registry-auth registry.example.com:5000, or "none"`,
			}
		}
		config.Limit(hosts)
	}
	for _, text := range o.tlsContexts {
		context, err := registryauth.ParseTLSContext(text)
		if err == nil {
			err = config.UseTLS(context)
		}
		if err != nil {
			return nil, &usage.Error{
				What: "--registry-auth-tlscontext", Value: text, Reason: reasonOf(err),
				Next: "use host=HOST with ca=FILE, cert=FILE,key=FILE or insecure=true",
			}
		}
	}
	return config, nil
}

// registerFrontend declares buildctl's way to say it, with buildctl's names.
func (o *buildOptions) registerFrontend(flags *pflag.FlagSet) {
	flags.StringVar(&o.FrontendName, "frontend", "", "Build as buildctl does, without PATH: dockerfile.v0 or gateway.v0")
	flags.Var((*list)(&o.Opts), "opt", "Option of the frontend, e.g. target=release or build-arg:NAME=VALUE (repeatable)")
	flags.Var((*list)(&o.Locals), "local", "Directory for the frontend, e.g. context=. or dockerfile=. (repeatable)")
	flags.Var((*list)(&o.OCILayouts), "oci-layout", "OCI layout for the frontend, NAME=DIR (repeatable)")
	flags.Var((*list)(&o.ExportCache), "export-cache", "buildctl's name for --cache-to (repeatable)")
	flags.Var((*list)(&o.ImportCache), "import-cache", "buildctl's name for --cache-from (repeatable)")
	flags.BoolVar(&o.ProxyNetwork, "proxy-network", false, "Let steps reach the network through the builder's own proxy alone, which notes what they fetch")
	flags.StringVar(&o.SourceFile, "source-policy-file", "", "Source policy of BuildKit, in JSON")
	flags.StringVar(&o.Trace, "trace", "", "Append every status of the build to this file, as JSON")
	flags.StringVar(&o.RefFile, "ref-file", "", "Write the build's reference in the builder's history to this file")
}

// registerLegacy declares docker's flags of old that scripts still give. They are not shown.
func (o *buildOptions) registerLegacy(flags *pflag.FlagSet) {
	for _, name := range []string{"rm", "force-rm"} {
		flags.BoolFunc(name, "No intermediate containers remain", func(value string) error {
			remove, err := strconv.ParseBool(value)
			o.KeepContainers = name == "rm" && !remove
			return err
		})
	}
	flags.BoolVar(&o.Squash, "squash", false, "Not possible")
	flags.StringVar(&o.Isolation, "isolation", "", "Not possible")
	flags.Var((*list)(&o.SecurityOptions), "security-opt", "Not possible")
	hidden := []string{"rm", "force-rm", "squash", "isolation", "security-opt", "print"}
	flags.StringVar(&o.Method, "print", "build", "Old name of --call")
	for _, resource := range []struct{ name, short string }{
		{"memory", "m"}, {"memory-swap", ""}, {"cpu-shares", "c"}, {"cpu-period", ""}, {"cpu-quota", ""}, {"cpuset-cpus", ""}, {"cpuset-mems", ""},
	} {
		flags.VarP(&resourceValue{name: resource.name, into: &o.MoreResources}, resource.name, resource.short, "Old form of --resource")
		hidden = append(hidden, resource.name)
	}
	for _, name := range hidden {
		flags.Lookup(name).Hidden = true
	}
}

// resourceValue is an old flag that is said with --resource today.
type resourceValue struct {
	name string
	into *[]string
}

func (v *resourceValue) String() string { return "" }
func (v *resourceValue) Type() string   { return "string" }

func (v *resourceValue) Set(value string) error {
	*v.into = append(*v.into, v.name+"="+value)
	return nil
}
