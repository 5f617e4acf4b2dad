package driver

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// The members of a family are asked together, each with the certificates of its builder; a builder
// that is missing is named, and the others answer.
func TestAllMembersOfAFamilyAreAsked(t *testing.T) {
	inBubble(t, twoArchitectures, allAreAsked)
}

func allAreAsked(t *testing.T, w *world) {
	addFamily(w, func(string) {})
	ask := func() (pods []string, err error) {
		answers, err := AskMembers(t.Context(), w.driver, options(), func(ctx context.Context, c *Connection) (string, error) {
			return c.Daemon.Version(ctx)
		})
		for _, each := range answers {
			pods = append(pods, each.Member.Pod)
		}
		return pods, err
	}
	if got, err := ask(); err != nil || !slices.Equal(got, []string{pod, further}) {
		t.Errorf("asked %v, %v", got, err)
	}
	w.Delete("secrets", builder.ClientSecretName(further))
	w.Delete("pods", further)
	var silent *NoAnswerError
	got, err := ask()
	if !errors.As(err, &silent) || !errors.As(err, new(*cluster.NotReadyError)) || len(silent.Silent) != 1 || silent.Silent[0].Member.Builder != further || !slices.Equal(got, []string{pod}) {
		t.Errorf("one is missing: %v, %v", got, err)
	}
}
