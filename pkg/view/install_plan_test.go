package view

import (
	"slices"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

func TestDifferences(t *testing.T) {
	lines, taken := Differences(install.Plan{Renews: true, Differences: []builder.Difference{
		{Name: "limit", Gone: []string{"memory=2Gi"}, New: []string{"memory=4Gi"}}, {Name: "env", New: []string{"A=1", "B=2"}},
	}})
	if want := []string{"- limit: memory=2Gi", "+ limit: memory=4Gi", "+ env: A=1", "+ env: B=2", "+ new certificates"}; !slices.Equal(lines, want) || !taken {
		t.Errorf("%q, taken back: %v", lines, taken)
	}
	if lines, taken := Differences(install.Plan{Differences: []builder.Difference{{Name: "env", New: []string{"A=1"}}}}); taken || len(lines) != 1 {
		t.Errorf("%q, taken back: %v", lines, taken)
	}
}

// What a member holds is lost, unless it is known to be nothing or out of reach.
func TestLosses(t *testing.T) {
	for name, c := range map[string]struct {
		loss  install.Loss
		held  driver.Holdings
		line  string
		lossy bool
	}{
		"no answer":         {install.Loss{}, driver.Holdings{}, "Pod p is removed: its cache and history records go", true},
		"empty":             {install.Loss{Replaced: true}, driver.Holdings{Known: true}, "Pod p is replaced: its cache is empty", false},
		"cut off":           {install.Loss{}, driver.Holdings{CutOff: true}, "Pod p is removed: no client reaches its cache, since its certificates are not accepted", false},
		"one record":        {install.Loss{}, driver.Holdings{Known: true, Records: 1}, "Pod p is removed: 1 history record go", true},
		"cache and records": {install.Loss{Replaced: true}, driver.Holdings{Known: true, Cache: 2, Bytes: 1_500_000, Records: 14}, "Pod p is replaced: its cache (1.5MB) and 14 history records go", true},
		"on a volume": {install.Loss{Claim: "cache-p"}, driver.Holdings{Known: true, Cache: 1, Bytes: 20, Records: 1},
			"Pod p is removed: its cache (20B) and 1 history record on volume cache-p stay, but are not used any more", true},
	} {
		c.loss.Member = cluster.Member{Pod: "p"}
		lines, lossy := Losses(install.Plan{Losses: []install.Loss{c.loss}}, []driver.Holdings{c.held})
		if !slices.Equal(lines, []string{c.line}) || lossy != c.lossy {
			t.Errorf("%s: %q, lossy: %v", name, lines, lossy)
		}
	}
}
