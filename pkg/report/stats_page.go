package report

import (
	"bytes"
	"fmt"
	"html/template"
	"io"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
)

// Numbers are the content of a page about many builds.
type Numbers struct {
	Title   string
	Facts   []Fact
	By      stats.By
	Summary stats.Summary
	Notes   []string // what is not counted, and why
}

// numbersPage is the input of the template: text, and widths in percent.
type numbersPage struct {
	Title  string
	Policy string
	Style  template.CSS
	Facts  []Fact
	Tiles  []tile
	Tables []table
	Notes  []string
}

type tile struct {
	Name, Value, More string
	Bar               []part
}

type table struct {
	Title   string
	Columns []string
	Rows    []row
}

type row struct {
	Name  string
	Cells []string
	Bar   part
}

// part is a part of a bar; Kind is a class of the style.
type part struct {
	Kind        string
	From, Width float64
}

// WriteNumbers writes the page, which has no script and loads nothing. The names of steps, users
// and contexts are untrusted: the template escapes them.
func WriteNumbers(w io.Writer, numbers Numbers) error {
	style, err := joined("assets/page.css")
	if err != nil {
		return err
	}
	own, err := joined("assets/stats/*.css")
	if err != nil {
		return err
	}
	style += own
	parsed, err := template.ParseFS(assets, "assets/stats/stats.html")
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, numbersPage{
		Title: escape.Line(numbers.Title), Style: template.CSS(style),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'", hashOf(style)),
		Facts:  each(numbers.Facts, func(f *Fact) { f.Name, f.Value = escape.Line(f.Name), escape.Line(f.Value) }),
		Tiles:  tilesOf(numbers.Summary.All), Tables: []table{groupTable(numbers), stepTable(numbers.Summary.Steps)},
		Notes: each(numbers.Notes, func(note *string) { *note = escape.Line(*note) }),
	}); err != nil {
		return fmt.Errorf("filling the page's template: %w", err)
	}
	_, err = text.WriteTo(w)
	return err
}

func tilesOf(all stats.Totals) []tile {
	ended := []part{}
	from := 0.0
	for _, each := range []struct {
		kind  string
		count int
	}{{"succeeded", all.Succeeded}, {"failed", all.Failed}, {"canceled", all.Canceled}} {
		width := 100 * float64(each.count) / float64(max(all.Builds, 1))
		ended = append(ended, part{each.kind, from, width})
		from += width
	}
	cached := 100 * float64(all.CachedSteps) / float64(max(all.Steps, 1))
	return []tile{
		{"Builds", fmt.Sprint(all.Builds), fmt.Sprintf("%d succeeded, %d failed, %d canceled", all.Succeeded, all.Failed, all.Canceled), ended},
		{"Now", fmt.Sprint(all.Running + all.Waiting), fmt.Sprintf("%d running, %d waiting", all.Running, all.Waiting), nil},
		{"Cached", stats.Rate(all.HitRate), fmt.Sprintf("%d of %d steps", all.CachedSteps, all.Steps), []part{{"cached", 0, cached}}},
		spreadTile("Duration", all.Duration),
		spreadTile("Time in the queue", all.Wait),
	}
}

func spreadTile(name string, spread *stats.Spread) tile {
	p50, p95, longest := spread.Text()
	if spread == nil {
		return tile{name, p50, "no builds", nil}
	}
	return tile{name, p50, fmt.Sprintf("median; 95 %% at most %s, longest %s", p95, longest), nil}
}

func groupTable(numbers Numbers) table {
	t := table{
		Title:   "By " + string(numbers.By),
		Columns: []string{string(numbers.By), "builds", "succeeded", "failed", "canceled", "running", "waiting", "cached", "p50", "p95", "queue p50", "queue p95", ""},
	}
	most := 1
	for _, group := range numbers.Summary.Groups {
		most = max(most, group.Builds)
	}
	for _, g := range numbers.Summary.Groups {
		cells := []string{}
		for _, count := range []int{g.Builds, g.Succeeded, g.Failed, g.Canceled, g.Running, g.Waiting} {
			cells = append(cells, fmt.Sprint(count))
		}
		cells = append(cells, stats.Rate(g.HitRate))
		for _, spread := range []*stats.Spread{g.Duration, g.Wait} {
			p50, p95, _ := spread.Text()
			cells = append(cells, p50, p95)
		}
		t.Rows = append(t.Rows, row{escape.Line(g.Name), cells, part{Kind: "builds", Width: 100 * float64(g.Builds) / float64(most)}})
	}
	return t
}

func stepTable(steps []stats.StepTotals) table {
	t := table{Title: "Slowest steps", Columns: []string{"step", "runs", "total", "p95", ""}}
	for _, step := range steps {
		cells := []string{fmt.Sprint(step.Runs), stats.Seconds(step.Total), stats.Seconds(step.P95)}
		width := 100 * step.Total / max(steps[0].Total, 0.001)
		t.Rows = append(t.Rows, row{escape.Line(step.Name), cells, part{Kind: "waited", Width: width}})
	}
	return t
}
