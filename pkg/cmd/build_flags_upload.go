package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// registerUpload declares how the context is sent. Docker had a --compress without a value.
func (o *buildOptions) registerUpload(flags *pflag.FlagSet) {
	flags.StringVar(&o.Compress, "compress", "", "Compress the context on its way: "+strings.Join(upload.Modes(), ", ")+` (default "auto")`)
	flags.StringVar(&o.ContextWarning, "context-warning", "100m", "Name the largest paths of a directory when more of it is sent; 0 is never")
	flags.Lookup("compress").NoOptDefVal = string(upload.Always)
}

// takeCompress finds the value of --compress among the arguments, where pflag leaves it if there is no "=" before it.
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
