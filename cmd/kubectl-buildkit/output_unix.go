//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// endWithOutput calls end when a write finds that the program which reads standard output or
// standard error has ended. By default that would end this process at once, with half a result in
// its directory. code returns the exit code for one of the command, which is then the shell's for
// that signal.
func endWithOutput(end func()) (code func(int) int) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	go func() {
		for range signals { // also for a connection that is lost
			if outputEnded() {
				end()
			}
		}
	}()
	return func(code int) int {
		if code == explain.CodeInterrupted && outputEnded() {
			return 128 + int(syscall.SIGPIPE)
		}
		return code
	}
}

// outputEnded reports whether standard output or standard error is a pipe that no process reads.
func outputEnded() bool {
	streams := []unix.PollFd{{Fd: int32(os.Stdout.Fd())}, {Fd: int32(os.Stderr.Fd())}}
	if _, err := unix.Poll(streams, 0); err != nil {
		return false
	}
	return (streams[0].Revents|streams[1].Revents)&unix.POLLERR != 0
}
