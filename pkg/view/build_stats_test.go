package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

func aMeasure() driver.Measured {
	long := "[build] RUN " + strings.Repeat("x", 100)
	measured := driver.Measured{Members: 2, Builds: []stats.Build{
		{Ref: "a", Member: "team-0", State: stats.Succeeded, Duration: 90 * time.Second, Steps: 4, Cached: 3, Ran: []stats.Step{{Name: long, Duration: time.Minute}}},
		{Ref: "b", Member: "team-1", State: stats.Failed, Duration: 10 * time.Second, Queued: true, Wait: 20 * time.Second, Steps: 4},
	}}
	for i := range shownUnread + 2 {
		measured.Unread = append(measured.Unread, driver.Unread{Unread: history.Unread{Ref: fmt.Sprint("r", i), Reason: "lost"}, Member: "team-1"})
	}
	return measured
}

func statsAs(t *testing.T, measured driver.Measured, as string) string {
	t.Helper()
	format, flags := output.Format{}, pflag.NewFlagSet("", pflag.ContinueOnError)
	format.Register(flags)
	if err := flags.Set("output", as); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := format.Print(&out, Stats(stats.Sum(measured.Builds, stats.ByMember), stats.ByMember, measured)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestStatsTable(t *testing.T) {
	compare(t, statsAs(t, aMeasure(), ""), `MEMBER   BUILDS   SUCCEEDED   FAILED   CANCELED   RUNNING   WAITING   CACHED   P50     P95     QUEUE P50   QUEUE P95
team-0   1        1           0        0          0         0         75.0%    1m30s   1m30s   -           -
team-1   1        0           1        0          0         0         0.0%     10.0s   10.0s   20.0s       20.0s
total    2        1           1        0          0         0         37.5%    10.0s   1m30s   20.0s       20.0s

SLOWEST STEPS                                                              RUNS   TOTAL   P95
[build] RUN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…   1      1m0s    1m0s
`)
}

func TestStatsForPrograms(t *testing.T) {
	var got struct {
		Kind, By string
		Members  int
		Totals   map[string]any
		Items    []struct {
			Metadata        struct{ Name string }
			Builds          int
			DurationSeconds map[string]float64
		}
		SlowestSteps []map[string]any
		Uncounted    []map[string]string
	}
	if err := json.Unmarshal([]byte(statsAs(t, aMeasure(), "json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "BuildStatsList" || got.By != "member" || got.Members != 2 || got.Totals["hitRate"] != 0.375 || got.Totals["cachedSteps"] != 3.0 {
		t.Errorf("got %+v", got)
	}
	if len(got.Items) != 2 || got.Items[1].Metadata.Name != "team-1" || got.Items[1].Builds != 1 || got.Items[1].DurationSeconds["p95"] != 10 {
		t.Errorf("got %+v", got.Items)
	}
	if got.SlowestSteps[0]["totalSeconds"] != 60.0 || got.SlowestSteps[0]["runs"] != 1.0 || got.SlowestSteps[0]["p95Seconds"] != 60.0 {
		t.Errorf("got %+v", got.SlowestSteps)
	}
	if len(got.Uncounted) != shownUnread+2 || got.Uncounted[0]["ref"] != "r0" || got.Uncounted[0]["member"] != "team-1" || got.Uncounted[0]["reason"] != "lost" {
		t.Errorf("got %+v", got.Uncounted)
	}
}

func TestUncountedBuildsAreNamed(t *testing.T) {
	lines := Uncounted(aMeasure())
	if len(lines) != shownUnread+1 || lines[0] != `the steps of build "r0" on team-1 are not counted: lost` || lines[shownUnread] != "the steps of 2 more builds are not counted" {
		t.Errorf("got %q", lines)
	}
	if lines := Uncounted(driver.Measured{}); len(lines) != 0 {
		t.Errorf("got %q", lines)
	}
}
