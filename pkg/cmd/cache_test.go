package cmd

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func TestPruneFlagsReachTheDaemon(t *testing.T) {
	for args, want := range map[string]solve.Pruning{
		"":     {},
		"team": {},
		"-a --filter until=1h --filter type=regular": {All: true, UnusedFor: time.Hour, Filters: []string{`type=="regular"`}},
		"--reserved-space 1k --max-used-space 10gb":  {ReservedBytes: 1024, MaxUsedBytes: 10 << 30},
		"--keep-storage 2m --min-free-space 1":       {ReservedBytes: 2 << 20, MinFreeBytes: 1},
	} {
		var got *pruneOptions
		parse(t, newPruneCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *pruneOptions) error {
			got = o
			return nil
		}), strings.Fields(args)...)
		what, err := got.pruning()
		if err != nil || what.All != want.All || what.UnusedFor != want.UnusedFor || strings.Join(what.Filters, "|") != strings.Join(want.Filters, "|") ||
			what.ReservedBytes != want.ReservedBytes || what.MaxUsedBytes != want.MaxUsedBytes || what.MinFreeBytes != want.MinFreeBytes {
			t.Errorf("%q: %+v, %v", args, what, err)
		}
	}
}

func TestCareOfTheCacheMisuse(t *testing.T) {
	for args, says := range map[string]string{
		"du --filter colour=red":        `--filter "colour=red": unknown filter`,
		"du --sort-by colour":           `--sort-by "colour"`,
		"du -o xml":                     `--output "xml": unknown format`,
		"du a b":                        "at most one NAME",
		"prune --max-used-space much":   `--max-used-space "much"`,
		"prune --filter until=tomorrow": `--filter "until=tomorrow"`,
		"prune --transport pigeon":      "no such transport",
		"prune":                         "cannot prompt for confirmation",
		"logs --since 1ms":              `--since "1ms"`,
		"logs --tail -5":                `--tail "-5"`,
		"logs UPPER":                    "builder name",
		"list -o custom-columns=X":      "is not HEADER:PATH",
		"info -o jsonpath={":            "--output",
	} {
		stdout, stderr, code := call(t, strings.Fields(args)...)
		if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
	}
}

func TestPruneAsks(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "n\n": false, "\n": false, "what?\n": false} {
		streams, in, _, errOut := genericiooptions.NewTestIOStreams()
		in.WriteString(answer)
		f := newFactory(streams, noEnv)
		o := &pruneOptions{filters: []string{"type=regular"}, connect: connectOptions{builder: "team"}}
		if got, err := f.agree(t.Context(), o.question(`namespace "ns" of context "c"`)); err != nil || got != want {
			t.Errorf("%q: %v, %v", answer, got, err)
		}
		if !strings.Contains(errOut.String(), `that fits type=regular from every member of builder "team" in namespace "ns" of context "c". Continue? [y/N]`) {
			t.Errorf("asked %q", errOut)
		}
	}
}
