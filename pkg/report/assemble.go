package report

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
)

// About has the properties of a build that are not in the status of its steps.
type About struct {
	Title   string
	State   State
	Facts   []Fact
	Err     error     // why the build failed, with what BuildKit attached to it; nil if it did not
	Started time.Time // on the daemon's clock; zero is when its first step began
	Ended   time.Time // likewise; zero is the last that is known of the steps
}

// Build returns the build as recorded until now.
func (r *Recorder) Build(about About) Build {
	r.mu.Lock()
	defer r.mu.Unlock()
	start, end := about.Started, about.Ended
	if first := r.first(); start.IsZero() || !first.IsZero() && first.Before(start) {
		start = first
	}
	if last := r.last(); end.Before(last) {
		end = last
	}
	clock := clock{start: start, end: end}
	ordered, index := r.ordered()
	r.shareLogs()
	group := stepGroup()
	build := Build{
		Title: about.Title, State: about.State, Started: start, Duration: clock.at(end), Facts: about.Facts,
		Steps: make([]Step, 0, len(ordered)), Warnings: warningsOf(r.warnings),
	}
	for _, s := range ordered {
		build.Steps = append(build.Steps, s.step(clock, index, group))
	}
	if about.Err != nil {
		build.Failure = failureOf(about.Err, index)
	}
	build.Path = criticalPath(build.Steps, build.failedStep())
	build.sumUp()
	return build
}

// clock converts the daemon's times to milliseconds since the build's start.
type clock struct{ start, end time.Time }

func (c clock) at(t time.Time) int64 {
	if c.start.IsZero() {
		return 0
	}
	return max(0, t.Sub(c.start).Round(time.Millisecond).Milliseconds())
}

func (c clock) span(from, to *time.Time) Span {
	span := Span{}
	if from != nil {
		span.From = c.at(*from)
	}
	span.To = c.at(c.end)
	if to != nil {
		span.To = c.at(*to)
	}
	span.To = max(span.From, span.To)
	return span
}

// ordered returns the steps in the order in which they began, and their indices.
func (r *Recorder) ordered() ([]*step, map[digest.Digest]int) {
	ordered := slices.Clone(r.order)
	slices.SortStableFunc(ordered, func(a, b *step) int {
		switch {
		case len(a.works) == 0 || len(b.works) == 0:
			return len(b.works) - len(a.works)
		default:
			return a.works[0].start.Compare(b.works[0].start)
		}
	})
	index := make(map[digest.Digest]int, len(ordered))
	for i, s := range ordered {
		index[s.vertex.Digest] = i
	}
	return ordered, index
}

// shareLogs truncates the logs so that a page with many long ones stays small enough for a browser.
func (r *Recorder) shareLogs() {
	total, logs := 0, 0
	for _, s := range r.order {
		total += s.log.len()
		if s.log.len() > 0 {
			logs++
		}
	}
	if total <= logLimit {
		return
	}
	for _, s := range r.order {
		s.log.share(logLimit / logs)
	}
}

// stepGroup matches what BuildKit puts before an instruction, e.g. "[build 2/5] ".
func stepGroup() *regexp.Regexp {
	return regexp.MustCompile(`^\[([^\[\]]+)\] +`)
}

func (s *step) step(clock clock, index map[digest.Digest]int, group *regexp.Regexp) Step {
	out := Step{
		Name: s.vertex.Name, Digest: s.vertex.Digest.String(), Spans: []Span{},
		Cached: s.vertex.Cached, Error: s.vertex.Error, Canceled: strings.HasSuffix(s.vertex.Error, context.Canceled.Error()),
	}
	if found := group.FindStringSubmatch(out.Name); found != nil {
		out.Group, out.Name = found[1], out.Name[len(found[0]):]
	}
	for _, work := range s.works {
		out.Spans = append(out.Spans, clock.span(&work.start, work.end))
		out.Unfinished = out.Unfinished || work.end == nil
	}
	for _, input := range s.vertex.Inputs {
		if i, known := index[input]; known && !slices.Contains(out.Inputs, i) {
			out.Inputs = append(out.Inputs, i)
		}
	}
	for _, id := range s.began {
		status := s.transfers[id]
		from := status.Started
		if from == nil {
			from = &status.Timestamp
		}
		out.Transfers = append(out.Transfers, Transfer{
			Name: strings.TrimSuffix(id, ":"), Direction: directionOf(id), Bytes: status.Current, Span: clock.span(from, status.Completed),
		})
	}
	out.Log, out.LogLost = s.log.text()
	return out
}

// directionOf returns the direction of a transfer with BuildKit's ID.
func directionOf(id string) Direction {
	switch {
	case strings.HasPrefix(id, "transferring "):
		return Sent
	case strings.HasPrefix(id, "copying files"):
		return Returned
	case strings.HasPrefix(id, "sha256:"):
		return Pulled
	}
	return Other
}

func (b *Build) sumUp() {
	totals := Totals{Steps: len(b.Steps)}
	for _, step := range b.Steps {
		switch {
		case step.Cached:
			totals.Cached++
		case len(step.Spans) > 0:
			totals.Executed++
		}
		for _, span := range step.Spans {
			totals.Busy += span.To - span.From
		}
		for _, transfer := range step.Transfers {
			switch transfer.Direction {
			case Sent:
				totals.Sent += transfer.Bytes
			case Pulled:
				totals.Pulled += transfer.Bytes
			case Returned:
				totals.Returned += transfer.Bytes
			}
		}
	}
	for _, segment := range b.Path {
		totals.Critical += segment.To - segment.From
	}
	b.Totals = totals
}
