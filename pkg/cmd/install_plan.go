package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

// holdingsWithin bounds the question what a member holds that is about to go.
const holdingsWithin = 5 * time.Second

// confirmation shows what an install changes, and asks before anything is lost.
type confirmation struct {
	f     *factory
	quiet bool   // an automatic install has said what it does
	yes   bool   // agreed to beforehand
	dry   bool   // nothing will happen
	reset bool   // settings that no flag names are taken back
	again string // the command with which a script agrees
}

// unconfirmed is returned when no terminal can be asked.
func unconfirmed(what, again string) error {
	return &usage.Error{What: what + " would lose what is listed above, and no terminal can be asked: nothing was changed", Next: again}
}

// ask is the install.Confirm of an install.
func (c *confirmation) ask(ctx context.Context, plan install.Plan) error {
	what := fmt.Sprintf("builder %q %s", plan.Name, c.f.placeOf(plan.Namespace))
	if plan.New {
		if !c.quiet && !c.dry {
			escape.Fprintf(c.f.streams.ErrOut, "installing %s: %s\n", what, modeText(plan.Mode))
		}
		return nil
	}
	lines, taken := view.Differences(plan)
	losses, lossy := c.losses(ctx, plan)
	lines = append(lines, losses...)
	if len(lines) == 0 {
		return nil
	}
	escape.Fprintf(c.f.streams.ErrOut, "changes of %s:\n", what)
	for _, line := range lines {
		escape.Fprintf(c.f.streams.ErrOut, "  %s\n", line)
	}
	lossy = lossy || c.reset && taken
	if !lossy || c.yes || c.dry {
		return nil
	}
	if !c.f.streams.Interactive() {
		return unconfirmed(what, c.again)
	}
	return c.f.mustAgree(ctx, "Continue?", "nothing was changed")
}

// mustAgree asks a question; anything but yes ends the command.
func (f *factory) mustAgree(ctx context.Context, question, otherwise string) error {
	agreed, err := f.streams.Confirm(ctx, question)
	if err != nil && !errors.Is(err, io.EOF) || agreed {
		return err
	}
	escape.Fprintln(f.streams.ErrOut, otherwise)
	return &explain.ExitError{Code: explain.CodeFailed}
}

// placeOf names a namespace and the context, e.g. `in namespace "team" of context "prod"`.
func (f *factory) placeOf(namespace string) string {
	text := fmt.Sprintf("in namespace %q", namespace)
	if name := f.Context(); name != "" {
		text += fmt.Sprintf(" of context %q", name)
	}
	return text
}

func modeText(mode string) string {
	if mode == builder.ModeRootless {
		return "its Pods run without privileges, as user 1000"
	}
	return "its Pods are privileged"
}

// losses are the members that go, with what they hold, and whether any holds anything.
func (c *confirmation) losses(ctx context.Context, plan install.Plan) (lines []string, lossy bool) {
	asking, stop := context.WithTimeout(ctx, holdingsWithin)
	defer stop()
	return view.Losses(plan, c.f.Holdings(asking, plan))
}

// again is the command line once more, with another flag.
func (f *factory) again(flag string) string {
	words := []string{"kubectl", "buildkit"}
	for _, word := range f.args {
		words = append(words, explain.Quote(word))
	}
	return strings.Join(append(words, flag), " ")
}
