//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// endWithOutput calls end when a write finds that the program which reads one of the outputs,
// standard output and standard error, has ended. By default that would end this process at once,
// with half a result in its directory. code returns the exit code for one of the command, which is
// then the shell's for that signal.
func endWithOutput(end func(), outputs ...*os.File) (code func(int) int) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	go func() {
		for range signals { // also for a connection that is lost
			if ended(outputs) {
				end()
			}
		}
	}()
	return func(code int) int {
		if code == explain.CodeInterrupted && ended(outputs) {
			return 128 + int(syscall.SIGPIPE)
		}
		return code
	}
}

// ended reports whether one of the outputs is a pipe that no process reads.
func ended(outputs []*os.File) bool {
	for _, output := range outputs {
		state := []unix.PollFd{{Fd: int32(output.Fd())}}
		if _, err := unix.Poll(state, 0); err == nil && state[0].Revents&unix.POLLERR != 0 {
			return true
		}
	}
	return false
}
