package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// said is what one member of a builder answered.
type said[T any] struct {
	member cluster.Member
	answer T
}

// silence is a member that did not answer, and why.
type silence struct {
	member cluster.Member
	err    error
}

// silentError says which members of a builder did not answer, where others may have.
type silentError struct {
	name, namespace string
	members         int
	silent          []silence
}

func (e *silentError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d members of builder %q in namespace %q did not answer:", len(e.silent), e.members, e.name, e.namespace)
	for _, each := range e.silent {
		fmt.Fprintf(&text, "\n  %s: %v", each.member.Pod, each.err)
	}
	return text.String()
}

func (e *silentError) Unwrap() []error {
	var all []error
	for _, each := range e.silent {
		all = append(all, each.err)
	}
	return all
}

// askMembers connects to all members of a builder at once and asks each; the connection ends with the question. The
// answers are in the order of the members. Where not all of them answered, those of the others come with a
// *silentError; an error that all have in common is returned as it is.
func askMembers[T any](
	ctx context.Context, f *factory, o connectOptions, ask func(context.Context, *connected) (T, error),
) ([]said[T], error) {
	c, err := f.cluster()
	if err != nil {
		return nil, err
	}
	candidates, connection, err := c.Members(ctx, o.builder, o.vouched())
	if err != nil {
		return nil, err
	}
	for _, candidate := range candidates {
		f.noteUnverified(candidate.Member)
	}
	return gather(o.builder, c.Namespace(), candidates, func(candidate cluster.Candidate) (T, error) {
		return askMember(ctx, f, o, candidate, connection, ask)
	})
}

// gather asks all candidates at once.
func gather[T any](
	name, namespace string, candidates []cluster.Candidate, ask func(cluster.Candidate) (T, error),
) ([]said[T], error) {
	answers, errs := make([]T, len(candidates)), make([]error, len(candidates))
	var all sync.WaitGroup
	for i, candidate := range candidates {
		all.Go(func() { answers[i], errs[i] = ask(candidate) })
	}
	all.Wait()
	var heard []said[T]
	silent := &silentError{name: name, namespace: namespace, members: len(candidates)}
	reasons := map[string]bool{}
	for i, candidate := range candidates {
		if errs[i] == nil {
			heard = append(heard, said[T]{member: candidate.Member, answer: answers[i]})
			continue
		}
		reasons[errs[i].Error()] = true
		silent.silent = append(silent.silent, silence{member: candidate.Member, err: errs[i]})
	}
	switch {
	case len(silent.silent) == 0:
		return heard, nil
	case len(heard) == 0 && len(reasons) == 1:
		return nil, errs[0]
	}
	return heard, silent
}

func askMember[T any](
	ctx context.Context, f *factory, o connectOptions, candidate cluster.Candidate, connection *cluster.Connection,
	ask func(context.Context, *connected) (T, error),
) (answer T, err error) {
	if candidate.Err != nil {
		return answer, candidate.Err
	}
	tunnels, err := f.dialer(tunnel.Transport(o.transport))
	if err != nil {
		return answer, err
	}
	daemon, err := f.open(ctx, tunnels, nil, candidate.Member, connection)
	if refused := (*solve.RefusedError)(nil); errors.As(err, &refused) {
		return answer, &untrustedError{member: candidate.Member, err: err}
	}
	if err != nil {
		return answer, err
	}
	b := &connected{member: candidate.Member, connection: connection, daemon: daemon}
	defer b.close()
	answer, err = ask(ctx, b)
	return answer, f.explainLoss(ctx, b, err)
}

// explainSilence tells of all members that did not answer, with the code of the first of them for which there is a next
// step.
func explainSilence(err error) (failure, bool) {
	var silent *silentError
	if !errors.As(err, &silent) {
		return failure{}, false
	}
	told := explainOne(silent.silent[0].err)
	for _, each := range silent.silent[1:] {
		if told.next == "" {
			told = explainOne(each.err)
		}
	}
	told.text = silent.Error()
	return told, true
}
