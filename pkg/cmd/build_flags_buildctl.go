package cmd

import (
	"strconv"

	"github.com/spf13/pflag"
)

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
