package cmd

import (
	"context"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

func TestProxyFlagsReachTheOptions(t *testing.T) {
	var got *proxyOptions
	parse(t, newProxyCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *proxyOptions) error {
		got = o
		return nil
	}), "--builder", "team", "--listen", "unix:///run/s", "--transport", "spdy", "--", "buildctl", "--debug", "du")
	if got.connect.builder != "team" || got.connect.transport != "spdy" || got.listen != "unix:///run/s" {
		t.Errorf("options: %+v", got)
	}
	if !slices.Equal(got.command, []string{"buildctl", "--debug", "du"}) {
		t.Errorf("command: %q", got.command)
	}
}

func TestProxyMisuse(t *testing.T) {
	for args, says := range map[string]string{
		"buildctl du":                     "only after --: kubectl buildkit proxy -- buildctl du",
		"x -- buildctl":                   "nothing before --",
		"--":                              "no command after --",
		"--listen tcp://127.0.0.1:1":      "every user and every web page",
		"--listen npipe:////./pipe/x":     "only unix sockets",
		"--listen unix://":                "names no path",
		"--transport pigeon":              "no such transport",
		"-- no-such-program-anywhere --x": `command "no-such-program-anywhere"`,
	} {
		stdout, stderr, code := call(t, append([]string{"proxy"}, strings.Fields(args)...)...)
		if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
	}
}
