package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// holdingsWithin bounds the question what a member holds that is about to go.
const holdingsWithin = 5 * time.Second

// holdings are what a member has on its disk.
type holdings struct {
	known          bool
	cache, records int
	bytes          int64
}

func (h holdings) empty() bool { return h.known && h.cache == 0 && h.records == 0 }

func (h holdings) String() string {
	switch {
	case !h.known:
		return "its cache and history records"
	case h.cache == 0:
		return counted(h.records, "history record")
	}
	return fmt.Sprintf("its cache (%s) and %s", sizeText(h.bytes), counted(h.records, "history record"))
}

// counted is e.g. "1 history record" or "14 history records".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// confirmation shows what an install changes, and asks before anything is lost.
type confirmation struct {
	f     *factory
	quiet bool   // an automatic install has said what it does
	yes   bool   // agreed to beforehand
	dry   bool   // nothing will happen
	reset bool   // settings that no flag names are taken back
	again string // the command with which a script agrees
}

// unconfirmedError is returned when there is no terminal to ask.
type unconfirmedError struct {
	what  string // e.g. `builder "buildkitd" in namespace "team"`
	again string
}

func (e *unconfirmedError) Error() string {
	return e.what + " would lose what is listed above, and there is no terminal to ask: nothing was changed"
}

// ask is the cluster.Confirm of an install.
func (c *confirmation) ask(ctx context.Context, plan cluster.Plan) error {
	what := fmt.Sprintf("builder %q %s", plan.Name, c.f.placeOf(plan.Namespace))
	if plan.New {
		if !c.quiet && !c.dry {
			escape.Fprintf(c.f.streams.ErrOut, "installing %s: %s\n", what, modeText(plan.Mode))
		}
		return nil
	}
	lines, taken := differenceLines(plan)
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
	if !c.f.interactive() {
		return &unconfirmedError{what: what, again: c.again}
	}
	return c.f.mustAgree(ctx, "Continue?", "nothing was changed")
}

// placeOf names a namespace and the context, e.g. `in namespace "team" of context "prod"`.
func (f *factory) placeOf(namespace string) string {
	text := fmt.Sprintf("in namespace %q", namespace)
	if name := f.contextName(); name != "" {
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

// differenceLines are the settings that change, and whether any is taken back.
func differenceLines(plan cluster.Plan) (lines []string, taken bool) {
	for _, difference := range plan.Differences {
		for _, value := range difference.Gone {
			lines = append(lines, fmt.Sprintf("- %s: %s", difference.Name, value))
			taken = true
		}
		for _, value := range difference.New {
			lines = append(lines, fmt.Sprintf("+ %s: %s", difference.Name, value))
		}
	}
	if plan.Renews {
		lines = append(lines, "+ new certificates")
	}
	return lines, taken
}

// losses are the members that go, with what they hold, and whether any holds anything.
func (c *confirmation) losses(ctx context.Context, plan cluster.Plan) (lines []string, lossy bool) {
	held := c.f.holdingsOf(ctx, plan)
	for n, loss := range plan.Losses {
		verb := "removed"
		if loss.Replaced {
			verb = "replaced"
		}
		line := fmt.Sprintf("Pod %s is %s: ", loss.Member.Pod, verb)
		switch {
		case held[n].empty():
			lines = append(lines, line+"its cache is empty")
			continue
		case loss.Claim != "":
			line += fmt.Sprintf("%s on volume %s stay, but are not used any more", held[n], loss.Claim)
		default:
			line += held[n].String() + " go"
		}
		lines, lossy = append(lines, line), true
	}
	return lines, lossy
}

// holdingsOf asks the members that go what they hold; one that does not answer in time holds what is unknown.
func (f *factory) holdingsOf(ctx context.Context, plan cluster.Plan) []holdings {
	held := make([]holdings, len(plan.Losses))
	if len(held) == 0 {
		return held
	}
	ctx, stop := context.WithTimeout(ctx, holdingsWithin)
	defer stop()
	c, err := f.cluster()
	if err != nil {
		return held
	}
	_, connection, err := c.Members(ctx, plan.Name, false)
	if err != nil {
		return held
	}
	candidates := make([]cluster.Candidate, len(held))
	for n, loss := range plan.Losses {
		candidates[n].Member = loss.Member
	}
	heard, _ := gather(plan.Name, plan.Namespace, candidates, func(candidate cluster.Candidate) (holdings, error) {
		return f.holdingsIn(ctx, candidate, connection)
	})
	for _, each := range heard {
		for n, loss := range plan.Losses {
			if loss.Member.Pod == each.member.Pod {
				held[n] = each.answer
			}
		}
	}
	return held
}

func (f *factory) holdingsIn(ctx context.Context, candidate cluster.Candidate, connection *cluster.Connection) (holdings, error) {
	tunnels, err := f.dialer(tunnel.Auto)
	if err != nil {
		return holdings{}, err
	}
	daemon, err := f.open(ctx, tunnels, nil, candidate.Member, connection)
	if err != nil {
		return holdings{}, err
	}
	defer func() { _ = daemon.Close() }()
	info, err := daemon.Info(ctx)
	if err != nil {
		return holdings{}, err
	}
	records, err := history.List(ctx, daemon.Client(), nil)
	if err != nil {
		return holdings{}, err
	}
	return holdings{known: true, cache: info.Cache.Records, bytes: info.Cache.TotalBytes, records: len(records)}, nil
}

// again is the command line once more, with another flag.
func (f *factory) again(flag string) string {
	words := []string{"kubectl", "buildkit"}
	for _, word := range f.args {
		words = append(words, quoted(word))
	}
	return strings.Join(append(words, flag), " ")
}
