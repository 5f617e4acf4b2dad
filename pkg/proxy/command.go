package proxy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Run runs the command to its end and returns its exit code, or 128 plus the number of the signal
// that ended it, as a shell does. Signals to this process are forwarded to the command.
func Run(command *exec.Cmd) (int, error) {
	received := make(chan os.Signal, 8)
	signal.Notify(received, forwarded()...)
	defer signal.Stop(received)
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case sig := <-received:
				if !fromTerminal(sig) {
					_ = command.Process.Signal(sig)
				}
			case <-ended:
				return
			}
		}
	}()
	err := command.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("running %s: %w", command.Path, err)
	}
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return command.ProcessState.ExitCode(), nil
}
