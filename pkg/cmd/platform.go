package cmd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// platformPatience is how long a daemon may take to list its platforms before the build starts without asking.
const platformPatience = 5 * time.Second

// warnOfEmulation reports platforms whose RUN steps this builder cannot run, before the build. Only a build that names
// platforms asks the daemon.
func (f *factory) warnOfEmulation(ctx context.Context, b *connected, req *request.Request) {
	if len(req.Platforms()) == 0 || req.Evaluation() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, platformPatience)
	defer cancel()
	native, err := b.daemon.Platforms(ctx)
	if err != nil {
		return // the build says it better
	}
	foreign := req.Emulated(native)
	if len(foreign) == 0 {
		return
	}
	var architectures []string
	for _, platform := range foreign {
		architectures = append(architectures, strings.Split(platform, "/")[1])
	}
	slices.Sort(architectures)
	escape.Fprintf(f.streams.ErrOut, "warning: builder %q runs %s; RUN steps for %s need emulation or a node of that architecture (%s): %s\n",
		b.member.Builder, native[0], strings.Join(foreign, ", "), strings.Join(slices.Compact(architectures), ", "),
		builderOf(b.member).otherArchitecture(foreign[:1]))
}
