package install_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// onLostNode is a cluster with a builder, one node of which does not report any more: its kubelet
// confirms no end.
func onLostNode(t *testing.T, spec builder.Spec, pod string) *testcluster.Cluster {
	t.Helper()
	server := testcluster.New(t)
	server.Install(spec)
	server.LoseNode(pod)
	server.OnPod(server.Run)
	server.Forget()
	return server
}

// Builds may still run there, if it is only the way to the node that is gone: a member is given up
// when that is asked for.
func TestInstallSaysThatANodeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := onLostNode(t, builder.Spec{}, "buildkitd")
		silent := func(context.Context, cluster.Member, *cluster.Connection) error { return errors.New("no answer") }
		_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{Probe: silent}, nil)
		var start *install.StartError
		if !errors.As(err, &start) || start.Reason != cluster.ReasonNodeLost || !slices.Contains(server.Names(), "pods/buildkitd") {
			t.Errorf("of the same Spec: %v", err)
		}
		_, err = install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(builder.Spec{Mode: builder.ModeRootless}), install.Options{}, nil)
		var lost *cluster.NodeLostError
		if !errors.As(err, &lost) || lost.Node != "node-2" {
			t.Errorf("of another Spec: %v", err)
		}
	})
}

func TestInstallWithForceLeavesALostNode(t *testing.T) {
	for name, spec := range map[string]builder.Spec{"same Spec": {}, "another Spec": {Mode: builder.ModeRootless}} {
		server := onLostNode(t, builder.Spec{}, "buildkitd")
		outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(spec), install.Options{Force: true}, nil)
		if err != nil || outcome.Change != install.Replaced || outcome.Members[0].Node != "node-1" {
			t.Errorf("%s: %v, %+v", name, err, outcome.Members)
		}
	}
}

func TestInstallWithForceGivesUpOnlyWhatIsLost(t *testing.T) {
	server := onLostNode(t, builder.Spec{Replicas: 3}, "buildkitd-1")
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(builder.Spec{Replicas: 3}), install.Options{Force: true, NoWait: true}, nil)
	removed := slices.DeleteFunc(server.Writes(), func(request string) bool { return !strings.HasPrefix(request, "DELETE") })
	if err != nil || len(removed) != 1 || !strings.Contains(removed[0], "buildkitd-1") {
		t.Errorf("removed %v, %v", removed, err)
	}
}

func TestUninstallFromALostNode(t *testing.T) {
	server := onLostNode(t, builder.Spec{}, "buildkitd")
	_, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{}, nil)
	var lost *cluster.NodeLostError
	if !errors.As(err, &lost) || lost.Pod != "buildkitd" {
		t.Errorf("got %v", err)
	}
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{Force: true}, nil); err != nil {
		t.Error(err)
	}
	if left := server.Names(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
