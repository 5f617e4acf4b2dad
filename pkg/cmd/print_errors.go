package cmd

import (
	"io"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// Lines of an error's text after its first stand under it, so that none looks like a line of
// another kind.
const (
	errorLabel = "error: "
	nextLabel  = "next:  "
	underLabel = "       "
)

// maxFailure bounds, in bytes, what is printed of one error and of its next step.
const maxFailure = 16 << 10

// printFailure prints what is wrong and what to do next, a line each that nothing in the text can
// forge.
func (f *factory) printFailure(label string, told explain.Report) {
	if told.Text != "" {
		_, _ = io.WriteString(f.streams.ErrOut, label+escape.Indented(escape.Bounded(told.Text, maxFailure), underLabel)+"\n")
	}
	if told.Next != "" {
		escape.Fprintf(f.streams.ErrOut, nextLabel+"%s\n", escape.Bounded(f.pasteable(told.Next), maxFailure))
	}
}

// apiWarnings prints each warning of the API server once.
type apiWarnings struct {
	mu   sync.Mutex
	to   io.Writer
	seen map[string]bool
}

// warningCode is that of a warning that is for people (RFC 7234, 5.5).
const warningCode = 299

// HandleWarningHeader is called by the cluster's client.
func (w *apiWarnings) HandleWarningHeader(code int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code != warningCode || text == "" || w.seen[text] {
		return
	}
	w.seen[text] = true
	escape.Fprintf(w.to, "Warning: %s\n", text)
}
