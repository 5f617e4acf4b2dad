package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

// Builds has one line a build, in the manner of kubectl get.
func Builds(records []driver.Record, now time.Time) output.Answer {
	answer := output.Answer{Kind: "Build", Columns: []output.Column{
		{Name: "Ref"}, {Name: "Name"}, {Name: "Status"}, {Name: "Created"}, {Name: "Duration"}, {Name: "Cached"}, {Name: "Member"},
		{Name: "User", Wide: true}, {Name: "Waited", Wide: true}, {Name: "Error", Wide: true},
	}}
	for _, record := range records {
		status, took, steps := string(record.Status), shortDuration(record.Duration), fmt.Sprintf("%d/%d", record.Cached, record.Total)
		if record.Pinned {
			status += ",pinned"
		}
		switch record.Status {
		case history.Running:
			steps = "-"
		case history.Waiting:
			took, steps = "-", "-"
			status = fmt.Sprintf("waiting (place %d)", record.Place)
		}
		created := duration.HumanDuration(now.Sub(record.Created)) + " ago"
		answer.Items = append(answer.Items, output.Item{
			Name: record.Ref, Namespace: record.Member.Namespace, Fields: newRecordLine(record),
			Cells: []any{record.Ref, shortName(record.Name), status, created, took, steps, record.Member.Pod,
				cmp.Or(record.User, "<none>"), shortDuration(record.Waited), record.Error},
		})
	}
	return answer
}

// shortName fits into a table: of a long name the end tells more than the beginning.
func shortName(full string) string {
	const room = 48
	name := []rune(escape.Line(output.OrNone(output.AppendNew(nil, full), "<none>"))) // what is cut off may be what tells a password
	if len(name) > room {
		return "…" + string(name[len(name)-room+1:])
	}
	return string(name)
}

func shortDuration(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// recordLine is a build for programs. The keys that docker has too are docker's.
type recordLine struct {
	Ref       string     `json:"ref"`
	Name      string     `json:"name"`
	Target    string     `json:"target,omitempty"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"completed_at,omitempty"`
	Seconds   float64    `json:"duration_seconds"`
	Total     int        `json:"total_steps"`
	Completed int        `json:"completed_steps"`
	Cached    int        `json:"cached_steps"`
	Warnings  int        `json:"num_warnings"`
	Pinned    bool       `json:"pinned"`
	User      string     `json:"user,omitempty"`
	Waited    float64    `json:"waited_seconds,omitempty"`
	Place     int        `json:"place,omitempty"`
	Error     string     `json:"error,omitempty"`
	Builder   string     `json:"builder"`
	Namespace string     `json:"namespace"`
	Member    string     `json:"member"`
}

func newRecordLine(record driver.Record) recordLine {
	line := recordLine{
		Ref: record.Ref, Name: record.Name, Target: record.Target, Status: string(record.Status), CreatedAt: record.Created,
		Seconds: record.Duration.Seconds(), Total: record.Total, Completed: record.Done, Cached: record.Cached,
		Warnings: record.Warnings, Pinned: record.Pinned, User: record.User, Waited: record.Waited.Seconds(), Place: record.Place, Error: record.Error,
		Builder: record.Member.Builder, Namespace: record.Member.Namespace, Member: record.Member.Pod,
	}
	if !record.Ended.IsZero() {
		line.EndedAt = &record.Ended
	}
	return line
}

// PrintLines prints a line of JSON for each build, as --format json does, which is docker's.
func PrintLines(w io.Writer, records []driver.Record) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, record := range records {
		if err := encoder.Encode(newRecordLine(record)); err != nil {
			return err
		}
	}
	return nil
}
