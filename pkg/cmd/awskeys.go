package cmd

import (
	"context"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/awskeys"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// awsKeys asks for them once, when a cache needs them. What cannot be used is a warning: the builder may have its own.
func (f *factory) awsKeys(ctx context.Context) func() awskeys.Keys {
	return sync.OnceValue(func() awskeys.Keys {
		keys, err := awskeys.Load(ctx, f.lookupEnv)
		if err != nil {
			escape.Fprintf(f.streams.ErrOut, "warning: the AWS credentials of this machine are not used: %v; the builder uses its own\n", err)
		}
		return keys
	})
}
