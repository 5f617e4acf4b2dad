package result

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/solver/pb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// The keys of the frontend's result of a subrequest.
const (
	answerJSON   = "result.json"
	answerText   = "result.txt"
	answerStatus = "result.statuscode"
)

// StatusError is returned when a check of the Dockerfile failed, e.g. with warnings,
// which were printed with the result.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("Dockerfile check failed (status %d)", e.Code)
}

// Class returns fault.Failed.
func (*StatusError) Class() fault.Class { return fault.Failed }

// PrintAnswer writes the result of a subrequest, as JSON or as text. The name is
// that of the subrequest, e.g. "lint"; dockerfile is the user's name of the
// Dockerfile, "" if that is also the daemon's.
func (r *Result) PrintAnswer(w io.Writer, name string, asJSON bool, dockerfile string) error {
	text, isJSON := r.response[answerJSON]
	if name == "lint" {
		return printLint(w, text, asJSON, dockerfile)
	}
	if asJSON && isJSON {
		_, err := fmt.Fprintln(w, text)
		return err
	}
	if plain, found := r.response[answerText]; found {
		text = plain
	}
	_, err := fmt.Fprint(w, text)
	return err
}

// Status returns a *StatusError if the result has a status other than 0.
func (r *Result) Status() error {
	if code, err := strconv.Atoi(r.response[answerStatus]); err == nil && code != 0 {
		return &StatusError{Code: code}
	}
	return nil
}

// BrokenError is returned when the Dockerfile could not be checked completely,
// whatever the status.
type BrokenError struct{ Text string }

func (e *BrokenError) Error() string { return e.Text }

// Class returns fault.Failed.
func (*BrokenError) Class() fault.Class { return fault.Failed }

func printLint(w io.Writer, text string, asJSON bool, dockerfile string) error {
	var found lint.LintResults
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return fmt.Errorf("reading the result of the check: %w", err)
	}
	called := func(source *pb.SourceInfo) *pb.SourceInfo {
		if source == nil || dockerfile == "" {
			return source
		}
		named := source.CloneVT()
		named.Filename = dockerfile
		return named
	}
	err := printWarnings(w, text, found, asJSON, called)
	if err == nil && found.Error != nil {
		var why strings.Builder
		found.PrintErrorTo(&why, called)
		return &BrokenError{Text: strings.TrimSuffix(why.String(), "\n")}
	}
	return err
}

func printWarnings(w io.Writer, text string, found lint.LintResults, asJSON bool, called lint.SourceInfoMap) error {
	if asJSON {
		_, err := fmt.Fprintln(w, text)
		return err
	}
	summary := "Check complete, no warnings found."
	switch count := len(found.Warnings); {
	case found.Error != nil && count == 0:
		summary = ""
	case count == 1:
		summary = "Check complete, 1 warning has been found!"
	case count > 1:
		summary = fmt.Sprintf("Check complete, %d warnings have been found!", count)
	}
	if summary != "" {
		if _, err := fmt.Fprintln(w, summary); err != nil {
			return err
		}
	}
	return found.PrintTo(w, called)
}
