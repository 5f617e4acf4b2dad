package cmd

import (
	"context"
	"os"
	"os/exec"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
)

// command is what the user wants to run, if there is such a program.
func (f *factory) command(line []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(line[0])
	if err != nil {
		return nil, &optionError{flag: "command", value: line[0], reason: reasonOf(err), next: "name a program on your PATH, or its path"}
	}
	// Its life is its own: a signal that ends this command's context goes to the program as well.
	command := &exec.Cmd{Path: path, Args: line}
	command.Stdin, command.Stdout, command.Stderr = f.raw.In, f.raw.Out, f.raw.ErrOut
	return command, nil
}

// serveAll serves until the user ends it, which is how a proxy ends and no failure.
func serveAll(ctx context.Context, b *bridge, socket *proxy.Socket, member cluster.Member, version string) error {
	address := "unix://" + socket.Path
	if _, err := escape.Fprintln(b.f.streams.Out, address); err != nil {
		return err
	}
	escape.Fprintf(b.f.streams.ErrOut, "builder %q in namespace %q (Pod %s, BuildKit %s) is at BUILDKIT_HOST=%s until Ctrl-C\n",
		b.o.builder, member.Namespace, member.Pod, version, address)
	return b.serve(ctx, socket)
}

func (b *bridge) serve(ctx context.Context, socket *proxy.Socket) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if route := b.current(); route != nil {
		b.watch(ctx, route)
	}
	server := &proxy.Server{Dial: b.dial, Report: func(number int, err error) { b.report(ctx, number, err) }}
	return server.Serve(ctx, socket)
}

// serveCommand serves for as long as the command runs: after Ctrl-C, too, for clients then tell the builder.
func serveCommand(ctx context.Context, b *bridge, socket *proxy.Socket, command *exec.Cmd) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- b.serve(serving, socket) }()
	command.Env = append(os.Environ(), "BUILDKIT_HOST=unix://"+socket.Path)
	code, err := proxy.Run(command)
	stop()
	if serveErr := <-served; err == nil {
		err = serveErr
	}
	if err == nil && code != 0 {
		return &exitStatusError{code: code}
	}
	return err
}
