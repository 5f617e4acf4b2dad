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
	if lossy = lossy || c.reset && taken || plan.Unproven != nil; !lossy || c.yes || c.dry {
		return nil
	}
	what += " would lose what is listed above"
	if plan.Unproven != nil {
		what = plan.Unproven.Error() + ", and is used only if you agree"
	}
	return c.f.mustAgree(ctx, what, c.again, "nothing was changed")
}

// mustAgree asks whether to go on although something is so; anything but yes ends the command, and
// where no terminal can be asked, the error has the command with which a script agrees.
func (f *factory) mustAgree(ctx context.Context, what, again, otherwise string) error {
	if !f.streams.Interactive() { // the question would be written where it is not read
		return &usage.Error{What: what + ", and no terminal can be asked: " + otherwise, Next: again}
	}
	agreed, err := f.streams.Confirm(ctx, what+". Continue?")
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
	switch mode {
	case builder.ModeRootless:
		return "its Pods run without privileges, as user 1000"
	case builder.ModeUserNS:
		return "its Pods are privileged within user namespaces of their own"
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
