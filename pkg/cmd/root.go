// Package cmd is the command line: one file a verb. It turns flags into plain options, passes them
// to package driver, prints the result, and leaves the text and the exit code of an error to
// package explain. It holds no logic that could be tested without a command.
package cmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

const rootLong = `Build container images on any Kubernetes cluster, with nothing on this machine but kubectl.

"install" puts BuildKit's daemon into a namespace; "build" reaches it through the API server, sends the build
context, provides this machine's registry credentials for the duration of the build, and prints what was pushed.`

const rootExample = `  # Put a builder into the current namespace
  kubectl buildkit install

  # Build the current directory, push the image, print its digest
  kubectl buildkit build -t registry.example.com/team/app:1 --push .

  # What is there
  kubectl buildkit list
  kubectl buildkit info`

// Run executes the command line and returns the exit code of the process. It is the only way into
// this package.
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams, lookupEnv func(string) (string, bool)) int {
	f := newFactory(streams, lookupEnv)
	f.args = args
	defer func() { _ = f.streams.Flush() }()
	root := newRootCommand(f)
	root.SetArgs(args)
	// Errors before a command's own work began are about how it was called.
	began := false
	root.PersistentPreRun = func(c *cobra.Command, args []string) {
		began = true
		f.builderName, f.installs = namedBuilder(c, args), c.Name() == "install"
	}
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		began, err = true, f.streams.Flush()
	}
	if err == nil {
		return explain.CodeOK
	}
	if !began {
		err = misused(command.CommandPath(), correct(command, args, err))
	}
	report := explain.Ended(ctx, err)
	if report.Code != explain.CodeInterrupted {
		_ = solve.PrintSources(f.streams.ErrOut, err)
	}
	f.printFailure(errorLabel, report)
	return report.Code
}

func newRootCommand(f *factory) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-buildkit",
		Short:         "Build container images on a Kubernetes cluster",
		Long:          rootLong,
		Example:       rootExample,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl buildkit"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(f.streams.In)
	root.SetOut(f.streams.Out)
	root.SetErr(f.streams.ErrOut)
	root.CompletionOptions.DisableDefaultCmd = true
	f.flags.AddFlags(root.PersistentFlags())
	root.SetHelpCommand(newHelpCommand())
	addGroup(root, "Build", newBuildCommand(f, nil), newProxyCommand(f, nil), newDialStdioCommand(f))
	addGroup(root, "Builder", newInstallCommand(f, nil), newUninstallCommand(f), newListCommand(f), newInfoCommand(f),
		newLogsCommand(f, nil), newDoctorCommand(f, nil))
	addGroup(root, "Cache and History", newHistoryCommand(f), newDuCommand(f, nil), newPruneCommand(f, nil))
	addGroup(root, "Registry", newLoginCommand(f, nil), newLogoutCommand(f))
	addGroup(root, "Other", newCompletionCommand(f), newVersionCommand(f), newOptionsCommand(f))
	root.SetUsageFunc(func(c *cobra.Command) error { return printUsage(c.OutOrStderr(), c, f.helpWidth()) })
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { _ = printHelp(c.OutOrStdout(), c, f.helpWidth()) })
	catchTypos(root)
	f.completeEverything(root)
	return root
}

// addGroup adds commands under a heading of help.
func addGroup(root *cobra.Command, heading string, commands ...*cobra.Command) {
	group := strings.ToLower(heading)
	root.AddGroup(&cobra.Group{ID: group, Title: heading + " Commands"})
	for _, each := range commands {
		each.GroupID = group
		root.AddCommand(each)
	}
}
