package cmd

import (
	"io"
	"sync"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// Lines of an error's text after its first stand under it, so that none looks like a line of another kind.
const (
	errorLabel = "error: "
	nextLabel  = "next:  "
	underLabel = "       "
)

// escapedStreams are the streams on which everything may be printed. What goes around them is what the user asked to get
// byte for byte, and the display of progress, which draws on a terminal and escapes what it draws itself.
func escapedStreams(raw genericiooptions.IOStreams) genericiooptions.IOStreams {
	return genericiooptions.IOStreams{In: raw.In, Out: escape.NewWriter(raw.Out), ErrOut: escape.NewWriter(raw.ErrOut)}
}

// flush writes what the escaped streams hold back of an unfinished character. It returns the first error of printing to
// standard output: a result that has not arrived is a failure.
func (f *factory) flush() error {
	if escaped, ok := f.streams.ErrOut.(*escape.Writer); ok {
		_ = escaped.Flush()
	}
	if escaped, ok := f.streams.Out.(*escape.Writer); ok {
		return escaped.Flush()
	}
	return nil
}

// results is where the formats for programs go: byte for byte, and escaped on a terminal, where nothing but a person reads.
// What is escaped in JSON is the same JSON.
func (f *factory) results() io.Writer {
	if isTerminal(f.raw.Out) {
		return f.streams.Out
	}
	return f.raw.Out
}

// printFailure prints what is wrong and what to do next, a line each that nothing in the text can forge.
func (f *factory) printFailure(label string, told explain.Report) {
	if told.Text != "" {
		_, _ = io.WriteString(f.streams.ErrOut, label+escape.Indented(told.Text, underLabel)+"\n")
	}
	if told.Next != "" {
		escape.Fprintf(f.streams.ErrOut, nextLabel+"%s\n", f.pasteable(told.Next))
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
