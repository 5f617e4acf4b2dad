package cluster_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func TestMembersSaysOfEachWhetherItIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		server.Install(builder.Spec{Replicas: 12})
		server.Terminating("buildkitd-1")
		server.Set("pods", "buildkitd-2", testcluster.Waiting("ImagePullBackOff", "no such image"))
		server.Delete("pods", "buildkitd-3")
		server.Delay = 200 * time.Millisecond
		server.Rounds()
		candidates, connection, err := clientOf(t, server).Members(t.Context(), "buildkitd", false)
		if err != nil || len(candidates) != 12 {
			t.Fatalf("got %d, %v", len(candidates), err)
		}
		if trips := server.Rounds(); trips > 2 {
			t.Errorf("it took %d round trips", trips)
		}
		if _, err := connection.TLS(); err != nil {
			t.Error(err)
		}
		var (
			terminating *cluster.TerminatingError
			notReady    *cluster.NotReadyError
		)
		if !errors.As(candidates[1].Err, &terminating) || !candidates[1].Exists() {
			t.Errorf("terminating: %+v", candidates[1])
		}
		if !errors.As(candidates[2].Err, &notReady) || notReady.Reason != "ImagePullBackOff" {
			t.Errorf("not ready: %+v", candidates[2])
		}
		if !errors.As(candidates[3].Err, &notReady) || notReady.Reason != "Missing" || candidates[3].Exists() || candidates[3].Member.Pod != "buildkitd-3" {
			t.Errorf("missing: %+v", candidates[3])
		}
		for i, name := range builder.MemberNames("buildkitd", 12, true) {
			if candidates[i].Member.Pod != name || (i < 1 || i > 3) && candidates[i].Err != nil {
				t.Errorf("member %d: %+v", i, candidates[i])
			}
		}
	})
}

func TestMembersOfAnAdoptedBuilder(t *testing.T) {
	server := testcluster.New(t)
	adopted(server, "theirs", corev1.Container{Name: "buildkitd"})
	server.Ready("theirs")
	candidates, connection, err := clientOf(t, server).Members(t.Context(), "theirs", false)
	if err != nil || connection != nil || len(candidates) != 1 || candidates[0].Err != nil || !candidates[0].Member.Adopted {
		t.Errorf("got %+v, %v, %v", candidates, connection, err)
	}
}

func TestMembersOfNoBuilder(t *testing.T) {
	_, _, err := clientOf(t, testcluster.New(t)).Members(t.Context(), "buildkitd", false)
	var notFound *cluster.NotFoundError
	if !errors.As(err, &notFound) {
		t.Errorf("got %v", err)
	}
}

func TestResolveSpreadsAndStays(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{Replicas: 4})
	client := clientOf(t, server)
	choose := func(affinity string) string {
		t.Helper()
		member, _, err := resolve(t, client, "buildkitd", cluster.Selection{Affinity: affinity})
		if err != nil {
			t.Fatal(err)
		}
		return member.Pod
	}
	const builds = 80
	before, count := map[string]string{}, map[string]int{}
	for n := range builds {
		affinity := fmt.Sprintf("/home/jane/src/project-%d", n)
		before[affinity] = choose(affinity)
		count[before[affinity]]++
		if again := choose(affinity); again != before[affinity] {
			t.Errorf("%s goes to %s, then to %s", affinity, before[affinity], again)
		}
	}
	for name, builds := range count {
		if builds < 8 || builds > 40 {
			t.Errorf("%s gets %d of 80 builds", name, builds)
		}
	}
	// When a member goes, only its own builds move.
	server.Terminating("buildkitd-2")
	for affinity, was := range before {
		now := choose(affinity)
		if now == "buildkitd-2" || was != "buildkitd-2" && now != was {
			t.Errorf("%s was on %s and is on %s", affinity, was, now)
		}
	}
}
