package driver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// platformTimeout is how long a daemon may take to list its platforms before the build starts
// without asking.
const platformTimeout = 5 * time.Second

// EmulationError is the warning that a builder cannot run the RUN steps of a platform itself.
type EmulationError struct {
	Member  cluster.Member
	Native  string
	Foreign []string // platforms, e.g. "linux/arm64"
}

func (e *EmulationError) Error() string {
	var architectures []string
	for _, platform := range e.Foreign {
		architectures = append(architectures, strings.Split(platform, "/")[1])
	}
	slices.Sort(architectures)
	return fmt.Sprintf("builder %q runs %s; RUN steps for %s need emulation or a node of that architecture (%s)",
		e.Member.Builder, e.Native, strings.Join(e.Foreign, ", "), strings.Join(slices.Compact(architectures), ", "))
}

// Class returns fault.Failed.
func (*EmulationError) Class() fault.Class { return fault.Failed }

// warnOfEmulation reports platforms whose RUN steps this builder cannot run, before the build. Only
// a build that names platforms asks the daemon.
func (d *Driver) warnOfEmulation(ctx context.Context, c *Connection, req *request.Request) {
	if len(req.Platforms()) == 0 || req.Evaluation() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, platformTimeout)
	defer cancel()
	native, err := c.Daemon.Platforms(ctx)
	if err != nil {
		return // the build reports it better
	}
	if foreign := req.Emulated(native); len(foreign) > 0 {
		err := &EmulationError{Member: c.Member, Native: native[0], Foreign: foreign}
		d.send(Notice{Text: err.Error(), Warning: true, Err: err})
	}
}
