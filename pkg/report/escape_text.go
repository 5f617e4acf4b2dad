package report

import (
	"slices"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// clean returns the build with control characters escaped in names, and credentials masked in URLs.
func (b Build) clean() Build {
	b.Title = escape.Line(b.Title)
	b.Facts = each(b.Facts, func(f *Fact) { f.Name, f.Value = escape.Line(f.Name), escape.Line(f.Value) })
	b.Warnings = each(b.Warnings, func(w *Warning) {
		w.Text = escape.Text(w.Text)
		w.Detail = each(w.Detail, func(line *string) { *line = escape.Text(*line) })
		if w.Source != nil {
			source := w.Source.clean()
			w.Source = &source
		}
	})
	b.Steps = each(b.Steps, func(s *Step) {
		s.Name, s.Group, s.Error = escape.Text(s.Name), escape.Line(s.Group), escape.Text(s.Error)
		s.Transfers = each(s.Transfers, func(t *Transfer) { t.Name = escape.Line(t.Name) })
	})
	if b.Failure != nil {
		failure := *b.Failure
		failure.Message = escape.Text(failure.Message)
		failure.Sources = each(failure.Sources, func(s *Source) { *s = s.clean() })
		b.Failure = &failure
	}
	return b
}

func (s Source) clean() Source {
	s.File = escape.Line(s.File)
	s.Lines = each(s.Lines, func(l *Line) { l.Text = escape.Text(l.Text) })
	return s
}

// each returns a copy of the list with every element changed.
func each[T any](list []T, change func(*T)) []T {
	list = slices.Clone(list)
	for i := range list {
		change(&list[i])
	}
	return list
}
