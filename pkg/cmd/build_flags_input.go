package cmd

import "github.com/spf13/pflag"

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
	flags.StringVar(&o.Method, "call", "build", "Ask the Dockerfile instead of building it: check, outline or targets, e.g. check,format=json")
	flags.BoolVar(&o.Check, "check", false, "Short for --call=check")
}

// registerSandbox declares what the steps run in.
func (o *buildOptions) registerSandbox(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.AddHosts, "add-host", nil, "Entry of /etc/hosts, NAME=ADDRESS (repeatable)")
	flags.Var((*list)(&o.Allow), "allow", "What steps may do beyond the usual: network.host, security.insecure or device (repeatable)")
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
