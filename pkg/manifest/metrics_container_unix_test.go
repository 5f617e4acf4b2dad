//go:build unix

package manifest_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// The script that answers a connection passes on one constant request, whatever it is sent.
func TestOnlyMetricsAreAnswered(t *testing.T) {
	dir := t.TempDir()
	// In place of the daemon, what it would be asked.
	if err := os.WriteFile(filepath.Join(dir, "buildctl"), []byte("#!/bin/sh\necho \"$@\"; cat\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	pod := make1(t, func(s *builder.Spec) { s.Metrics = true }).Pod
	script := pod.Spec.Containers[1].Env[0].Value
	answer := func(request string) string {
		cmd := exec.Command("/bin/sh", "-c", script)
		cmd.Stdin = strings.NewReader(request)
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "DIR=" + dir, "DAEMON=unix://" + filepath.Join(dir, "s")}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v, %s", request, err, out)
		}
		return string(out)
	}
	const asked = "dial-stdio\nGET /metrics HTTP/1.0\r\nAccept: text/plain;version=0.0.4\r\n\r\n"
	for request, want := range map[string]string{
		"GET /metrics HTTP/1.1\r\nHost: a\r\nX: $(touch " + dir + "/owned)\r\n\r\nGET /debug/vars HTTP/1.1\r\n\r\n": asked,
		"GET /metrics?a=b&c;`touch " + dir + "/owned` HTTP/1.0\r\n\r\n":                                             asked,
		"GET /debug/pprof/ HTTP/1.1\r\n\r\n":                                                                        "HTTP/1.0 404 ",
		"GET /metrics/../debug/vars HTTP/1.1\r\n\r\n":                                                               "HTTP/1.0 404 ",
		"GET /metricsx HTTP/1.1\r\n\r\n":                                                                            "HTTP/1.0 404 ",
		"GET http://x/debug/vars HTTP/1.1\r\n\r\n":                                                                  "HTTP/1.0 404 ",
		"POST /debug/gc HTTP/1.1\r\n\r\n":                                                                           "HTTP/1.0 400 ",
		"POST /metrics HTTP/1.1\r\n\r\n":                                                                            "HTTP/1.0 400 ",
		"\x00\xff$(touch " + dir + "/owned)\n":                                                                      "HTTP/1.0 400 ",
		"":                                                                                                          "HTTP/1.0 400 ",
		strings.Repeat("x", 1<<20):                                                                                  "HTTP/1.0 400 ",
		"GET /metrics HTTP/1.1\r\nAccept: application/vnd.google.protobuf;x\r\n\r\n":                                "encoding=delimited\r\n\r\n",
	} {
		got := answer(request)
		if !strings.Contains(got, want) || strings.Contains(got, "dial-stdio") != (strings.Contains(want, "GET ") || strings.Contains(want, "delimited")) {
			t.Errorf("%.60q: got %q, want %q", request, got, want)
		}
		if got := strings.Count(got, "HTTP/1."); got != 1 {
			t.Errorf("%.60q: %d requests or answers", request, got)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 2 {
		t.Errorf("there is more than before: %q", left)
	}
	for _, slot := range []string{"1", "2", "3"} {
		if err := os.WriteFile(filepath.Join(dir, "slot-"+slot), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := answer("GET /metrics HTTP/1.1\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 503 ") {
		t.Errorf("while others are answered: %q", got)
	}
}
