package cmd

import (
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

const completionLong = `Print the program that lets your shell complete "kubectl buildkit".

kubectl's own completion asks a program named kubectl_complete-buildkit on the PATH, so put what is printed there under
that name; it works in every shell for which "kubectl completion" is set up. Builders, Pods, namespaces, contexts,
Secrets and platforms then come from the cluster, files from this machine.`

const completionExample = `  # Install it where krew has its plugins, which is on your PATH already
  kubectl buildkit completion >~/.krew/bin/kubectl_complete-buildkit && chmod +x ~/.krew/bin/kubectl_complete-buildkit

  # Or for everybody
  kubectl buildkit completion | sudo tee /usr/local/bin/kubectl_complete-buildkit >/dev/null && sudo chmod +x /usr/local/bin/kubectl_complete-buildkit`

const (
	completionShell = `#!/bin/sh
# Completes "kubectl buildkit": kubectl asks the program of this name on the PATH.
exec kubectl buildkit __complete "$@"
`
	// completionWindows goes into kubectl_complete-buildkit.cmd: Windows runs no file without an
	// ending.
	completionWindows = "@kubectl buildkit __complete %*\r\n"
)

func newCompletionCommand(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:     "completion",
		Short:   "Print the program that completes commands in a shell",
		Long:    completionLong,
		Example: completionExample,
		Args:    noArguments("kubectl buildkit completion --help"),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(f.streams.Out, completionProgram(runtime.GOOS))
			return err
		},
	}
}

func completionProgram(system string) string {
	if system == "windows" {
		return completionWindows
	}
	return completionShell
}
