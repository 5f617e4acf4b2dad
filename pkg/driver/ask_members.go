package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// Answer is what one member of a builder has answered.
type Answer[T any] struct {
	Member cluster.Member
	Value  T
}

// NoAnswer is a member that did not answer, and why.
type NoAnswer struct {
	Member cluster.Member
	Err    error
}

// NoAnswerError is returned with the answers of the others where some members of a builder did not
// answer.
type NoAnswerError struct {
	Name, Namespace string
	Members         int // of the builder
	Silent          []NoAnswer
}

func (e *NoAnswerError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d members of builder %q in namespace %q did not answer:", len(e.Silent), e.Members, e.Name, e.Namespace)
	for _, each := range e.Silent {
		fmt.Fprintf(&text, "\n  %s: %v", each.Member.Pod, each.Err)
	}
	return text.String()
}

// Unwrap returns the reasons of all members.
func (e *NoAnswerError) Unwrap() []error {
	var all []error
	for _, each := range e.Silent {
		all = append(all, each.Err)
	}
	return all
}

// Class returns that of the first member that did not answer.
func (e *NoAnswerError) Class() fault.Class { return fault.Of(errors.Join(e.Unwrap()...)) }

// AskMembers connects to all members of a builder, and of its family, at once and asks each; the
// connection ends with the question. The answers are in the order of the members. Where not all of
// them answered, those of the others come with a *NoAnswerError; an error that all have in common
// is returned as it is: a cluster or connection error, a *LostError, or that of ask.
func AskMembers[T any](ctx context.Context, d *Driver, o ConnectOptions, ask func(context.Context, *Connection) (T, error)) ([]Answer[T], error) {
	return askMembers(ctx, d, o, true, ask)
}

// askMembers is AskMembers, which may leave out the other builders of the family.
func askMembers[T any](
	ctx context.Context, d *Driver, o ConnectOptions, family bool, ask func(context.Context, *Connection) (T, error),
) ([]Answer[T], error) {
	o = o.withDefaults()
	c, err := d.Cluster()
	if err != nil {
		return nil, err
	}
	candidates, own, err := c.Members(ctx, o.Builder, o.adopts())
	if err != nil {
		return nil, err
	}
	for _, candidate := range candidates {
		d.noteUnverified(candidate.Member)
	}
	certificates := map[string]*cluster.Connection{} // by Pod, since anyone may write a label
	for _, candidate := range candidates {
		certificates[candidate.Member.Pod] = own
	}
	if family && own != nil {
		candidates = append(candidates, membersOfFamily(ctx, c, o.Builder, own, certificates)...)
	}
	return Gather(o.Builder, c.Namespace(), candidates, func(candidate cluster.Candidate) (T, error) {
		return askMember(ctx, d, o, candidate, certificates[candidate.Member.Pod], ask)
	})
}

// membersOfFamily returns the members of the other builders that the connection document lists, and
// adds how to connect to them. A builder that is not found is a member that cannot be asked.
func membersOfFamily(
	ctx context.Context, c *cluster.Client, name string, own *cluster.Connection, certificates map[string]*cluster.Connection,
) []cluster.Candidate {
	var others []string
	for _, native := range own.Platforms {
		if native.Builder != name && !slices.Contains(others, native.Builder) {
			others = append(others, native.Builder)
		}
	}
	found, connections, looks := make([][]cluster.Candidate, len(others)), make([]*cluster.Connection, len(others)), make([]func() error, len(others))
	for n, other := range others {
		looks[n] = func() (err error) {
			if found[n], connections[n], err = c.Members(ctx, other, false); err == nil && connections[n] == nil {
				err = &cluster.NotFoundError{Name: other, Namespace: c.Namespace()} // nothing authenticates what is there
			}
			if err != nil {
				member := cluster.Member{Builder: other, Namespace: c.Namespace(), Pod: other}
				found[n] = []cluster.Candidate{{Member: member, Err: err}}
			}
			return nil
		}
	}
	_ = kube.Together(looks...)
	var all []cluster.Candidate
	for n := range others {
		for _, candidate := range found[n] {
			if _, known := certificates[candidate.Member.Pod]; !known {
				certificates[candidate.Member.Pod] = connections[n]
				all = append(all, candidate)
			}
		}
	}
	return all
}

// Gather asks all candidates at once. Where not all of them answered, the answers of the others
// come with a *NoAnswerError; an error of ask that all have in common is returned as it is.
func Gather[T any](name, namespace string, candidates []cluster.Candidate, ask func(cluster.Candidate) (T, error)) ([]Answer[T], error) {
	values, errs := make([]T, len(candidates)), make([]error, len(candidates))
	var all sync.WaitGroup
	for i, candidate := range candidates {
		all.Go(func() { values[i], errs[i] = ask(candidate) })
	}
	all.Wait()
	var answers []Answer[T]
	silent := &NoAnswerError{Name: name, Namespace: namespace, Members: len(candidates)}
	reasons := map[string]bool{}
	for i, candidate := range candidates {
		if errs[i] == nil {
			answers = append(answers, Answer[T]{Member: candidate.Member, Value: values[i]})
			continue
		}
		reasons[errs[i].Error()] = true
		silent.Silent = append(silent.Silent, NoAnswer{Member: candidate.Member, Err: errs[i]})
	}
	switch {
	case len(silent.Silent) == 0:
		return answers, nil
	case len(answers) == 0 && len(reasons) == 1:
		return nil, errs[0]
	}
	return answers, silent
}

func askMember[T any](
	ctx context.Context, d *Driver, o ConnectOptions, candidate cluster.Candidate, certificates *cluster.Connection,
	ask func(context.Context, *Connection) (T, error),
) (answer T, err error) {
	if candidate.Err != nil {
		return answer, candidate.Err
	}
	tunnels, err := d.dialer(o.Transport)
	if err != nil {
		return answer, err
	}
	answer, err = whileStarting(ctx, candidate.Member, func(ctx context.Context) (none T, err error) {
		daemon, err := d.openMember(ctx, tunnels, candidate.Member, certificates)
		if err != nil {
			return none, err
		}
		c := &Connection{Member: candidate.Member, Certificates: certificates, Daemon: daemon, Presented: d.presentedBy(candidate.Member)}
		defer func() { _ = c.Close() }()
		return ask(ctx, c)
	})
	return answer, d.diagnose(ctx, candidate.Member, err)
}

// Ask asks one member, as AskMembers does. The certificates are those of its builder; nil for an
// unmanaged one. The error is a cluster or connection error, a *LostError, or that of ask.
func Ask[T any](
	ctx context.Context, d *Driver, o ConnectOptions, member cluster.Member, certificates *cluster.Connection,
	ask func(context.Context, *Connection) (T, error),
) (T, error) {
	return askMember(ctx, d, o.withDefaults(), cluster.Candidate{Member: member}, certificates, ask)
}
