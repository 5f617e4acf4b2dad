package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroup are flags under one heading, in the order of help.
type flagGroup struct {
	heading string
	names   []string
}

// flagGroups are those of the commands that have many flags. A flag that is in none is under the
// last heading.
func flagGroups() map[string][]flagGroup {
	return map[string][]flagGroup{
		"build": {
			{"Image and Result Flags", strings.Fields("tag push load output label annotation metadata-file iidfile report")},
			{"Dockerfile and Context Flags", strings.Fields("file build-arg target platform build-context secret ssh call check policy")},
			{"Cache Flags", strings.Fields("no-cache no-cache-filter pull cache-from cache-to")},
			{"Build Step Flags", strings.Fields("network allow add-host resource shm-size ulimit cgroup-parent")},
			{"Attestation Flags", strings.Fields("provenance sbom attest")},
			{"Registry Flags", strings.Fields("preflight registry-auth registry-secret registry-service-account registry-auth-tlscontext")},
			{"Builder Flags", strings.Fields("builder ephemeral ephemeral-set member adopt install transport retries retry-timeout queue-timeout queue-as compress context-warning")},
			{"Flags of buildctl", strings.Fields("frontend opt local oci-layout export-cache import-cache proxy-network source-policy-file trace ref-file")},
			{"Progress Flags", strings.Fields("progress quiet debug")},
		},
		"install": {
			{"Daemon Flags", strings.Fields("builder image mode rootless step-network config env device")},
			{"Platform Flags", strings.Fields("platform emulate emulate-image")},
			{"Registry Flags", strings.Fields("registry-mirror insecure-registry registry-ca")},
			{"Pod Flags", strings.Fields("request limit image-pull-secret service-account runtime-class label annotation metrics grace-period patch")},
			{"Node Flags", strings.Fields("node-selector toleration affinity topology-spread priority-class scheduler pod-disruption-budget")},
			{"Member and Volume Flags", strings.Fields("replicas max-builds storage storage-class")},
			{"Change Flags", strings.Fields("unset reset yes force rotate dry-run output wait timeout")},
		},
	}
}

// groupsOf are a command's own flags and those of its parents but the root, under their headings.
func groupsOf(c *cobra.Command) []helpGroup {
	c.InheritedFlags() // merges the parents' flags
	rest := newFlagSet()
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if c.Root().PersistentFlags().Lookup(flag.Name) != flag && !flag.Hidden && flag.Name != "help" {
			rest.AddFlag(flag)
		}
	})
	var groups []helpGroup
	grouped := map[string]bool{}
	for _, each := range flagGroups()[pathBelowRoot(c)] {
		found := helpGroup{heading: each.heading, flags: newFlagSet()}
		for _, name := range each.names {
			if flag := rest.Lookup(name); flag != nil {
				found.flags.AddFlag(flag)
				grouped[name] = true
			}
		}
		groups = append(groups, found)
	}
	last := helpGroup{heading: "Flags", flags: newFlagSet()}
	if len(groups) > 0 {
		last.heading = "Other Flags"
	}
	rest.VisitAll(func(flag *pflag.Flag) {
		if !grouped[flag.Name] {
			last.flags.AddFlag(flag)
		}
	})
	return append(groups, last)
}

// helpGroup are the flags that a command has of a flagGroup.
type helpGroup struct {
	heading string
	flags   *pflag.FlagSet
}

func newFlagSet() *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	return flags
}

const optionsExample = `  # The flags of every command
  kubectl buildkit options`

func newOptionsCommand(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:     "options",
		Short:   "Print the flags of every command",
		Long:    "Print the flags of every command. They are kubectl's own.",
		Example: optionsExample,
		Args:    noArguments("kubectl buildkit options"),
		RunE: func(c *cobra.Command, _ []string) error {
			flags := c.Root().PersistentFlags().FlagUsagesWrapped(f.helpWidth())
			_, err := fmt.Fprintf(f.streams.Out, "These flags can be given to every command:\n\n%s", flags)
			return err
		},
	}
}

const helpExample = `  # How to build
  kubectl buildkit help build`

// newHelpCommand refuses what cobra's own answers with the first page: a command that does not
// exist.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Print help about a command",
		Long:    "Print help about a command, as --help does.",
		Example: helpExample,
		Args: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err == nil && (len(rest) == 0 || found.Runnable() && !found.HasSubCommands()) {
				return nil
			}
			return knownCommand(found, rest)
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if found, _, err := c.Root().Find(args); err == nil {
				for _, child := range found.Commands() {
					if child.IsAvailableCommand() {
						names = append(names, child.Name()+"\t"+child.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			found, _, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
