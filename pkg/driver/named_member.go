package driver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// MemberError is returned where the one member that was asked for cannot be used.
type MemberError struct {
	Builder, Pod string
	Err          error // why: a cluster or connection error
}

func (e *MemberError) Error() string {
	return fmt.Sprintf("member %q of builder %q cannot be used: %v", e.Pod, e.Builder, e.Err)
}

func (e *MemberError) Unwrap() error { return e.Err }

// Class returns that of the reason.
func (e *MemberError) Class() fault.Class { return fault.Or(e.Err, fault.Unavailable) }

// memberNamed returns the Pod of a builder that is meant by its name or its number. The error is a
// *usage.Error.
func memberNamed(typed string, at *cluster.Location) (string, error) {
	pods := at.Pods()
	if slices.Contains(pods, typed) {
		return typed, nil
	}
	if number, err := strconv.ParseUint(typed, 10, 31); err == nil {
		if pod := fmt.Sprintf("%s-%d", at.Name, number); slices.Contains(pods, pod) {
			return pod, nil
		}
	}
	return "", &usage.Error{
		What: "--member", Value: typed, Reason: fmt.Sprintf("the members of builder %q are %s", at.Name, enumerate(pods)),
		Next: "name one of them, or leave it out",
	}
}

// enumerate names Pods in their order, the first and the last ones of many.
func enumerate(pods []string) string {
	const most = 10
	names := slices.SortedFunc(slices.Values(pods), cluster.CompareMembers)
	if len(names) > most {
		names = slices.Concat(names[:most-2], []string{"…"}, names[len(names)-1:])
	}
	return strings.Join(names, ", ")
}
