package network

import (
	"net/netip"
	"testing"
)

func TestNewPlanRefusesWhatHasNoRoom(t *testing.T) {
	for _, test := range []struct{ index, nodes int }{{-1, 1}, {10, 1}, {0, 0}, {0, MaxNodes + 1}} {
		if _, err := NewPlan(test.index, test.nodes); err == nil {
			t.Errorf("index %d with %d nodes was accepted", test.index, test.nodes)
		}
	}
}

func TestPlansDoNotOverlap(t *testing.T) {
	var seen []netip.Prefix
	for index := range 10 {
		plan, err := NewPlan(index, MaxNodes)
		if err != nil {
			t.Fatal(err)
		}
		if last := plan.NodePods(MaxNodes); !plan.Pods().Overlaps(last) {
			t.Errorf("%s is not in %s", last, plan.Pods())
		}
		bridge := netip.PrefixFrom(plan.Host(), 24).Masked()
		if !bridge.Contains(plan.Node(MaxNodes)) {
			t.Errorf("%s is not in %s", plan.Node(MaxNodes), bridge)
		}
		for _, prefix := range []netip.Prefix{bridge, plan.Pods(), plan.Services()} {
			for _, other := range seen {
				if prefix.Overlaps(other) {
					t.Errorf("%s overlaps %s", prefix, other)
				}
			}
			seen = append(seen, prefix)
		}
	}
}
