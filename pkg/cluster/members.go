package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// ReasonMissing is the reason of a NotReadyError about a Pod that does not exist.
const ReasonMissing = "Missing"

// ReasonNoConnection is the reason of a NotReadyError about a builder whose client's Secret does
// not exist.
const ReasonNoConnection = "NoConnection"

// Candidate is a member of a builder, and why it cannot be used now.
type Candidate struct {
	// Member is what is known of it; of one that does not exist, the names alone.
	Member Member
	// Err is nil for a member that may be asked; else a *NotReadyError, a *TerminatingError, or why
	// it is not known.
	Err error
}

// Exists says that there is a Pod.
func (c Candidate) Exists() bool { return c.Member.UID != "" }

// Members finds all members of a builder, in the order of their names, and how to connect to them.
// The Connection is nil for an unmanaged builder, which has one member. Adopt is that of a
// Selection. It fails only when nothing is known of any member.
//
// It takes the round trips of Resolve.
func (c *Client) Members(ctx context.Context, name string, adopt bool) ([]Candidate, *Connection, error) {
	at, err := c.locate(ctx, name, adopt)
	if err != nil {
		return nil, nil, err
	}
	if at.connection == nil {
		return []Candidate{{Member: at.unmanaged(), Err: c.usable(name, at.pod)}}, nil, nil
	}
	names := at.connection.Members
	if len(names) == 0 {
		return nil, nil, c.noMembers(name)
	}
	candidates := make([]Candidate, len(names))
	looks := make([]func() error, len(names))
	for i, pod := range names {
		looks[i] = func() error {
			candidates[i] = c.candidate(ctx, name, pod, at)
			return nil
		}
	}
	// No look fails: what is wrong with a member is part of its answer.
	_ = kube.Together(looks...)
	slices.SortStableFunc(candidates, func(a, b Candidate) int { return CompareMembers(a.Member.Pod, b.Member.Pod) })
	return candidates, at.connection, nil
}

// CompareMembers orders the names of Pods: "buildkitd-2" before "buildkitd-10".
func CompareMembers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// candidate looks at one Pod; the one of the builder's own name is known.
func (c *Client) candidate(ctx context.Context, name, podName string, at *location) Candidate {
	pod, err := at.pod, at.podErr
	if podName != name {
		pod = &corev1.Pod{}
		err = c.Get(ctx, kube.KindPod, podName, pod)
	}
	return c.candidateOf(name, podName, pod, err)
}

// candidateOf judges a Pod that a builder with certificates should have, or why it could not be
// read. One that install did not make is not asked; whether another one is what it claims to be,
// its certificate will show.
func (c *Client) candidateOf(name, podName string, pod *corev1.Pod, err error) Candidate {
	switch {
	case apierrors.IsNotFound(err):
		err = &NotReadyError{
			Name: name, Namespace: c.Namespace(), Pod: podName, Reason: ReasonMissing,
			Message: fmt.Sprintf("Pod %q does not exist", podName),
		}
	case err == nil:
		candidate := Candidate{Member: MemberOf(pod), Err: c.usable(name, pod)}
		if candidate.Member.Adopted {
			candidate.Err = c.unverified(name, podName, DoubtCertificates, nil)
		}
		candidate.Member.Builder, candidate.Member.Adopted = name, false
		return candidate
	}
	return Candidate{Member: Member{Builder: name, Namespace: c.Namespace(), Pod: podName, Container: builder.ContainerName}, Err: err}
}

func (c *Client) noMembers(name string) error {
	return &NotReadyError{Name: name, Namespace: c.Namespace(), Reason: "NoMembers", Message: "it has no members"}
}
