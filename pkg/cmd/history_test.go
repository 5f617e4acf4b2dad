package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

func TestHistoryMisuse(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"unknown verb":     {[]string{"history", "inspekt"}, "did you mean inspect?"},
		"two builds":       {[]string{"history", "inspect", "a", "b"}, "takes one REF"},
		"remove nothing":   {[]string{"history", "rm"}, "--all"},
		"remove too much":  {[]string{"history", "rm", "--all", "a"}, "--all"},
		"unknown format":   {[]string{"history", "list", "--format", "xml"}, "use table or json"},
		"unknown filter":   {[]string{"history", "list", "--filter", "size>1"}, "unknown key"},
		"unknown progress": {[]string{"history", "logs", "--progress", "tty"}, "use plain or rawjson"},
		"no such trace":    {[]string{"history", "report", "--trace", "/nowhere"}, "/nowhere"},
		"trace and REF":    {[]string{"history", "report", "--trace", "x", "ref"}, "leave one of them out"},
		"no directory":     {[]string{"history", "export", "-o", "/nowhere/x"}, "no such directory"},
		"unknown group":    {[]string{"history", "stats", "--by", "team"}, "must be one of: builder, member, user, context"},
		"in the future":    {[]string{"history", "stats", "--since", "-1h"}, `--since "-1h0m0s"`},
		"stats of two":     {[]string{"history", "stats", "a", "b"}, "at most one NAME"},
		"stats' filter":    {[]string{"history", "stats", "--filter", "size>1"}, "unknown key"},
		"stats' page":      {[]string{"history", "stats", "--report", "/nowhere/x", "--kubeconfig", "/dev/null", "-n", "x"}, "--report"},
		"no transport":     {[]string{"history", "list", "--transport", "pigeon"}, "pigeon"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := call(t, test.args...)
			if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, test.says) {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestReportOfTrace(t *testing.T) {
	dir := t.TempDir()
	trace, page := filepath.Join(dir, "app.jsonl"), filepath.Join(dir, "app.html")
	text := `{"vertexes":[{"digest":"sha256:1","name":"RUN make","started":"2026-03-04T05:06:07Z","completed":"2026-03-04T05:06:08Z","error":"exit code: 1"}]}` + "\n"
	if err := os.WriteFile(trace, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := call(t, "history", "report", "--trace", trace, "-o", page); code != explain.CodeOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	drawn, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(drawn), `"title":"app","state":"failed"`) {
		t.Errorf("got %s, %v", drawn, err)
	}
	if err := os.WriteFile(trace, []byte(text+"no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := call(t, "history", "report", "--trace", trace)
	if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, "invalid status 2") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestVersionFormats(t *testing.T) {
	for as, want := range map[string]string{"json": `"buildkit": "`, "yaml": "buildkit: "} {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		if code := Run(t.Context(), []string{"version", "-o", as}, streams, noEnv); code != explain.CodeOK || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit %d, got %q", as, code, out.String())
		}
	}
	if code := Run(t.Context(), []string{"version", "-o", "xml"}, genericiooptions.NewTestIOStreamsDiscard(), noEnv); code != explain.CodeUsage {
		t.Errorf("exit %d", code)
	}
}
