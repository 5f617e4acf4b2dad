package cmd

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func candidates(pods ...string) []cluster.Candidate {
	var list []cluster.Candidate
	for _, pod := range pods {
		list = append(list, cluster.Candidate{Member: cluster.Member{Pod: pod, UID: pod}})
	}
	return list
}

func TestGatherShowsWhatOthersAnswered(t *testing.T) {
	heard, err := gather("team", "ns", candidates("team-0", "team-1", "team-2"), func(c cluster.Candidate) (string, error) {
		if c.Member.Pod == "team-1" {
			return "", &tunnel.LostError{Pod: "team-1", Namespace: "ns", Reason: "gone"}
		}
		return "I am " + c.Member.Pod, nil
	})
	if len(heard) != 2 || heard[0].answer != "I am team-0" || heard[1].member.Pod != "team-2" {
		t.Errorf("heard %+v", heard)
	}
	told := explain(t.Context(), err)
	want := "1 of 3 members of builder \"team\" in namespace \"ns\" did not answer:\n" +
		"  team-1: connection to Pod \"team-1\" in namespace \"ns\" lost: gone"
	if told.text != want || told.code != exitNoBuilder || !strings.Contains(told.next, "describe pod team-1 -n ns") {
		t.Errorf("told %+v", told)
	}
}

func TestGatherReturnsTheErrorOfAllAsItIs(t *testing.T) {
	wrong := errors.New("no such filter")
	for _, pods := range [][]string{{"team"}, {"team-0", "team-1"}} {
		heard, err := gather("team", "ns", candidates(pods...), func(cluster.Candidate) (int, error) { return 0, wrong })
		if len(heard) != 0 || !errors.Is(err, wrong) || err.Error() != wrong.Error() {
			t.Errorf("%v: %v, %v", pods, heard, err)
		}
	}
}

func TestSilenceIsExplainedByTheFirstWithANextStep(t *testing.T) {
	_, err := gather("team", "ns", candidates("team-0", "team-1"), func(c cluster.Candidate) (int, error) {
		if c.Member.Pod == "team-0" {
			return 0, errors.New("odd")
		}
		return 0, &tunnel.ForbiddenError{Pod: "team-1", Namespace: "ns", Verb: "create", Resource: "pods/portforward"}
	})
	if told := explain(t.Context(), err); told.code != exitDenied || !strings.Contains(told.next, "rolebinding") || !strings.Contains(told.text, "team-0: odd") {
		t.Errorf("told %+v", told)
	}
}
