package result

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/moby/buildkit/frontend/subrequests/lint"
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
	return fmt.Sprintf("the Dockerfile was found wanting (status %d)", e.Code)
}

// PrintAnswer writes the answer to a question that was asked of the Dockerfile,
// as JSON or as text. The name is the question's, e.g. "lint".
func (r *Result) PrintAnswer(w io.Writer, name string, asJSON bool) error {
	text, isJSON := r.response[answerJSON]
	if asJSON && isJSON {
		_, err := fmt.Fprintln(w, text)
		return err
	}
	if name == "lint" {
		return printLint(w, text)
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

func printLint(w io.Writer, text string) error {
	var found lint.LintResults
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return fmt.Errorf("reading the answer of the check: %w", err)
	}
	summary := "Check complete, no warnings found."
	switch count := len(found.Warnings); {
	case found.Error != nil:
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
	if err := found.PrintTo(w, nil); err != nil {
		return err
	}
	if found.Error != nil {
		found.PrintErrorTo(w, nil)
	}
	return nil
}
