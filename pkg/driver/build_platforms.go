package driver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
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

// MissingPlatformError is returned before a build with RUN steps for a platform that the builder
// was not installed for.
type MissingPlatformError struct {
	Builder, Namespace string
	Missing, Known     []string // platforms, e.g. "linux/arm64"
}

func (e *MissingPlatformError) Error() string {
	return fmt.Sprintf("builder %q in namespace %q builds for %s; it has no members for the RUN steps of %s",
		e.Builder, e.Namespace, strings.Join(e.Known, ", "), strings.Join(e.Missing, ", "))
}

// Class returns fault.Failed.
func (*MissingPlatformError) Class() fault.Class { return fault.Failed }

// share is a builder of a family, and the platforms of a build that it builds, in their order.
type share struct {
	builder   string
	platforms []string
}

// spread decides which builders of a family a build runs on.
type spread struct {
	driver  *Driver
	request *request.Request
	name    string           // of the builder that was asked for
	natives []builder.Native // of the family; nil if it was installed for no platforms
	shares  []share          // as the last call of route has decided; none without a family
}

// route returns the builder to connect to first, as the connection document of the family says. The
// error is a *MissingPlatformError.
func (s *spread) route(certificates *cluster.Connection) (string, error) {
	s.shares = nil
	if certificates == nil || len(certificates.Platforms) == 0 || len(s.request.Platforms()) == 0 || s.request.Evaluation() != nil {
		return s.name, nil
	}
	s.natives = certificates.Platforms
	var foreign []string
	for _, platform := range s.request.Platforms() {
		name := s.name
		if i := nativeTo(s.natives, platform); i >= 0 {
			name = s.natives[i].Builder
		} else {
			foreign = append(foreign, platform)
		}
		at := slices.IndexFunc(s.shares, func(known share) bool { return known.builder == name })
		if at < 0 {
			at = len(s.shares)
			s.shares = append(s.shares, share{builder: name})
		}
		s.shares[at].platforms = append(s.shares[at].platforms, platform)
	}
	if err := s.check(foreign); err != nil {
		return "", err
	}
	return s.shares[0].builder, nil
}

// first returns the options for the builder that was connected to first.
func (s *spread) first(o ConnectOptions) ConnectOptions {
	if o.route = nil; len(s.shares) > 0 {
		o.Builder = s.shares[0].builder
	}
	return o
}

// redirect returns the options for the builder that route chooses. A member that is wanted by name
// is one of the builder that was asked for.
func (o ConnectOptions) redirect(certificates *cluster.Connection) (ConnectOptions, error) {
	if o.route == nil || o.Member != "" {
		return o, nil
	}
	name, err := o.route(certificates)
	o.Builder, o.route = name, nil
	return o, err
}

// check returns an error for RUN steps of foreign platforms, which the daemon would emulate without
// a word; where the Dockerfile is not known it warns.
func (s *spread) check(foreign []string) error {
	native := slices.Clone(s.request.Platforms())
	native = slices.DeleteFunc(native, func(platform string) bool { return slices.Contains(foreign, platform) })
	var known []string
	for _, each := range s.natives {
		known = append(known, each.Platform)
	}
	missing := s.request.Emulated(slices.Concat(known, native))
	if len(missing) == 0 {
		return nil
	}
	namespace, err := s.driver.Namespace()
	if err != nil {
		return err
	}
	if !s.request.KnowsStages() {
		member := cluster.Member{Builder: s.name, Namespace: namespace}
		s.driver.warnOnce(&EmulationError{Member: member, Native: strings.Join(known, ", "), Foreign: missing})
		return nil
	}
	return &MissingPlatformError{Builder: s.name, Namespace: namespace, Missing: missing, Known: known}
}

// nativeTo returns the index of the platform that runs programs of the other one; -1 if none does.
// Variants of an architecture count as one, and a kernel for amd64 runs programs for 386.
func nativeTo(natives []builder.Native, platform string) int {
	for _, like := range []func(native string) bool{
		func(native string) bool { return native == platform },
		func(native string) bool { return architectureOf(native) == architectureOf(platform) },
		func(native string) bool { return native == "linux/amd64" && platform == "linux/386" },
	} {
		if i := slices.IndexFunc(natives, func(each builder.Native) bool { return like(each.Platform) }); i >= 0 {
			return i
		}
	}
	return -1
}

// architectureOf returns a platform without its variant.
func architectureOf(platform string) string {
	fields := strings.Split(platform, "/")
	return strings.Join(fields[:min(2, len(fields))], "/")
}

// warnOfEmulation reports platforms whose RUN steps this builder cannot run, before the build. Only
// a build that names platforms asks the daemon, and not where the platforms of the builder are
// known.
func (d *Driver) warnOfEmulation(ctx context.Context, c *Connection, over *spread) {
	req := over.request
	if len(req.Platforms()) == 0 || req.Evaluation() != nil || over.natives != nil {
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
