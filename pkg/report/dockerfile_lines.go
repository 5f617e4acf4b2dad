package report

import (
	"errors"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// The number of lines of a Dockerfile that are shown before and after those of an
// error or a warning.
const (
	aroundError   = 5
	aroundWarning = 1
)

// failureOf returns the failure from the details that BuildKit attached to the error.
func failureOf(err error, index map[digest.Digest]int) *Failure {
	failure := &Failure{Message: err.Error(), Step: -1, Sources: []Source{}}
	var vertex *errdefs.VertexError
	if errors.As(err, &vertex) {
		if i, known := index[digest.Digest(vertex.Digest)]; known {
			failure.Step = i
		}
	}
	for _, source := range errdefs.Sources(err) {
		if excerpt := excerptOf(source.Info, source.Ranges, aroundError); excerpt != nil {
			failure.Sources = append(failure.Sources, *excerpt)
		}
	}
	return failure
}

func warningsOf(list []*client.VertexWarning) []Warning {
	warnings := make([]Warning, 0, len(list))
	for _, from := range list {
		warning := Warning{Text: string(from.Short), Source: excerptOf(from.SourceInfo, from.Range, aroundWarning)}
		for _, line := range from.Detail {
			warning.Detail = append(warning.Detail, string(line))
		}
		if strings.HasPrefix(from.URL, "https://") { // no other scheme becomes a link
			warning.URL = from.URL
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// excerptOf returns the lines of the file around the ranges; nil if there are none.
func excerptOf(info *pb.SourceInfo, ranges []*pb.Range, around int) *Source {
	if info == nil || len(ranges) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(info.Data), "\n"), "\n")
	marked := make([]bool, len(lines)+1)
	first, last := len(lines)+1, 0
	for _, r := range ranges {
		from, to := int(r.GetStart().GetLine()), int(r.GetEnd().GetLine())
		for number := max(from, 1); number <= max(from, to) && number <= len(lines); number++ {
			marked[number] = true
			first, last = min(first, number), max(last, number)
		}
	}
	if last == 0 {
		return nil
	}
	source := &Source{File: info.Filename}
	for number := max(1, first-around); number <= min(len(lines), last+around); number++ {
		text := strings.TrimSuffix(lines[number-1], "\r")
		source.Lines = append(source.Lines, Line{Number: number, Text: text, Marked: marked[number]})
	}
	return source
}
