package cmd

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/version"
)

func newVersionCommand(f *factory) *cobra.Command {
	format := ""
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of the plugin and of its BuildKit client",
		Example: "  kubectl buildkit version\n  kubectl buildkit version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := output.CheckValue(format); err != nil {
				return err
			}
			read := version.Read()
			if format != "" {
				return output.PrintValue(f.streams.Results(), format, read)
			}
			_, err := escape.Fprintln(f.streams.Out, read)
			return err
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "", "Output format: "+output.Values)
	return c
}
