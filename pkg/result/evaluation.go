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

// The keys of the frontend's answer to a question.
const (
	answerJSON   = "result.json"
	answerText   = "result.txt"
	answerStatus = "result.statuscode"
)

// StatusError is an answer that says that something is wrong, e.g. a Dockerfile
// with warnings. What it is was printed with the answer.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("Dockerfile check failed (status %d)", e.Code)
}

// Class returns fault.Failed.
func (*StatusError) Class() fault.Class { return fault.Failed }

// PrintAnswer writes the answer to a question that was asked of the Dockerfile,
// as JSON or as text. The name is the question's, e.g. "lint"; dockerfile is what
// the reader calls the Dockerfile, "" if that is what the daemon calls it.
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

// Status is an error if the answer says that something is wrong.
func (r *Result) Status() error {
	if code, err := strconv.Atoi(r.response[answerStatus]); err == nil && code != 0 {
		return &StatusError{Code: code}
	}
	return nil
}

// BrokenError is a Dockerfile that could not be checked to its end. No question
// makes up for that, so Status does not have it.
type BrokenError struct{ Text string }

func (e *BrokenError) Error() string { return e.Text }

// Class returns fault.Failed.
func (*BrokenError) Class() fault.Class { return fault.Failed }

func printLint(w io.Writer, text string, asJSON bool, dockerfile string) error {
	var found lint.LintResults
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return fmt.Errorf("reading the answer of the check: %w", err)
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
