package request

import (
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
)

// Input is what is built: PATH and --file.
type Input struct {
	Path string // PATH, URL or "-"
	File string // --file; "" means Dockerfile in the context
}

func (o Input) apply(r *Request, env Environment) error {
	input := buildcontext.Input{Path: o.Path, Dockerfile: o.File}
	found, err := buildcontext.Resolve(input, buildcontext.Environment{WorkingDir: env.WorkingDir, Stdin: env.Stdin})
	if err != nil {
		return fromContext(err)
	}
	r.context = found
	return nil
}
