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
// It takes one round trip for a builder of one Pod and for an unmanaged one, and two for several
// members.
func (c *Client) Members(ctx context.Context, name string, adopt bool) ([]Candidate, *Connection, error) {
	at, err := c.Locate(ctx, name, adopt)
	if err != nil {
		return nil, nil, err
	}
	if at.Connection == nil {
		return []Candidate{{Member: at.unmanaged(), Err: c.usable(name, at.pod)}}, nil, nil
	}
	if len(at.Pods()) == 0 {
		return nil, nil, c.noMembers(name)
	}
	candidates := c.candidates(ctx, at, at.Pods())
	slices.SortStableFunc(candidates, func(a, b Candidate) int { return CompareMembers(a.Member.Pod, b.Member.Pod) })
	return candidates, at.Connection, nil
}

// candidates looks at Pods side by side.
func (c *Client) candidates(ctx context.Context, at *Location, pods []string) []Candidate {
	candidates := make([]Candidate, len(pods))
	looks := make([]func() error, len(pods))
	for i, pod := range pods {
		looks[i] = func() error {
			candidates[i] = c.Look(ctx, at, pod)
			return nil
		}
	}
	// No look fails: what is wrong with a member is part of its answer.
	_ = kube.Together(looks...)
	return candidates
}

// CompareMembers orders the names of Pods: "buildkitd-2" before "buildkitd-10".
func CompareMembers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Look reads one Pod of a builder, which takes one round trip unless it has the builder's own name.
func (c *Client) Look(ctx context.Context, at *Location, podName string) Candidate {
	pod, err := at.pod, at.podErr
	if podName != at.Name {
		pod = &corev1.Pod{}
		err = c.Get(ctx, kube.KindPod, podName, pod)
	}
	return c.candidateOf(at.Name, podName, pod, err)
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
