//go:build unix

package proxy_test

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
)

func TestRunEndsAsTheCommandDoes(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 143, "kill -KILL $$": 137} {
		if code, err := proxy.Run(exec.Command("sh", "-c", script)); err != nil || code != want {
			t.Errorf("%s: %d, %v", script, code, err)
		}
	}
	if _, err := proxy.Run(&exec.Cmd{Path: "/nonexistent"}); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("no such program: %v", err)
	}
}

func TestRunPassesSignalsOn(t *testing.T) {
	command := exec.Command("sh", "-c", "trap 'echo got it; exit 9' USR1; echo ready; while :; do sleep 0.05; done")
	output, written := io.Pipe()
	command.Stdout = written
	ended, lines := make(chan int, 1), bufio.NewScanner(output)
	go func() {
		code, err := proxy.Run(command)
		if err != nil {
			t.Error(err)
		}
		ended <- code
	}()
	said := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("it said %q, want %q", lines.Text(), want)
		}
	}
	said("ready")
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	said("got it")
	if code := within(t, "the command", ended); code != 9 {
		t.Errorf("exit code %d", code)
	}
}
