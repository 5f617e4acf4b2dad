package cmd

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/version"
)

func newVersionCommand(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of the plugin and of its BuildKit client",
		Example: "  kubectl buildkit version",
		Args:    noArguments("kubectl buildkit version"),
		RunE: func(*cobra.Command, []string) error {
			_, err := escape.Fprintln(f.streams.Out, version.Read())
			return err
		},
	}
}
