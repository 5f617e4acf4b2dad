package cmd

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// command is what the user wants to run, if there is such a program.
func (f *factory) command(line []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(line[0])
	if err != nil {
		return nil, &usage.Error{What: "command", Value: line[0], Reason: reasonOf(err), Next: "name a program on your PATH, or its path"}
	}
	// Its life is its own: a signal that ends this command's context goes to the program as well.
	command := &exec.Cmd{Path: path, Args: line}
	command.Stdin, command.Stdout, command.Stderr = f.raw.In, f.raw.Out, f.raw.ErrOut
	return command, nil
}

// served is a relay with the socket's user.
type served struct {
	*factory
	*driver.Relay
}

// serveAll serves until the user ends it, which is how a proxy ends and no failure.
func (s *served) serveAll(ctx context.Context, socket *proxy.Socket, member cluster.Member, version string) error {
	address := "unix://" + socket.Path
	if _, err := escape.Fprintln(s.streams.Out, address); err != nil {
		return err
	}
	escape.Fprintf(s.streams.ErrOut, "builder %q in namespace %q (Pod %s, BuildKit %s) is at BUILDKIT_HOST=%s until Ctrl-C\n",
		member.Builder, member.Namespace, member.Pod, version, address)
	return s.Serve(ctx, socket, s.failed)
}

// failed reports one connection; the others go on.
func (s *served) failed(number int, err error) {
	s.printFailure(fmt.Sprintf("connection %d: ", number), explain.Error(err))
}

// serveCommand serves for as long as the command runs: after Ctrl-C, too, for clients then tell the builder.
func (s *served) serveCommand(ctx context.Context, socket *proxy.Socket, command *exec.Cmd) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(serving, socket, s.failed) }()
	command.Env = append(os.Environ(), "BUILDKIT_HOST=unix://"+socket.Path)
	code, err := proxy.Run(command)
	stop()
	if serveErr := <-ended; err == nil {
		err = serveErr
	}
	if err == nil && code != 0 {
		return &explain.ExitError{Code: code}
	}
	return err
}
