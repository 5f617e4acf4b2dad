package driver

import (
	"errors"
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

func TestGatherReturnsWhatOthersAnswered(t *testing.T) {
	answers, err := Gather("team", "ns", candidates("team-0", "team-1", "team-2"), func(c cluster.Candidate) (string, error) {
		if c.Member.Pod == "team-1" {
			return "", &tunnel.LostError{Pod: "team-1", Namespace: "ns", Reason: "gone"}
		}
		return "I am " + c.Member.Pod, nil
	})
	if len(answers) != 2 || answers[0].Value != "I am team-0" || answers[1].Member.Pod != "team-2" {
		t.Errorf("answers %+v", answers)
	}
	want := "1 of 3 members of builder \"team\" in namespace \"ns\" did not answer:\n" +
		"  team-1: connection to Pod \"team-1\" in namespace \"ns\" lost: gone"
	var lost *tunnel.LostError
	if err == nil || err.Error() != want || !errors.As(err, &lost) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestGatherReturnsTheErrorOfAllAsItIs(t *testing.T) {
	wrong := errors.New("unknown filter")
	for _, pods := range [][]string{{"team"}, {"team-0", "team-1"}} {
		answers, err := Gather("team", "ns", candidates(pods...), func(cluster.Candidate) (int, error) { return 0, wrong })
		if len(answers) != 0 || !errors.Is(err, wrong) || err.Error() != wrong.Error() {
			t.Errorf("%v: %v, %v", pods, answers, err)
		}
	}
}
