package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// kubectl runs kubectl in one namespace.
type kubectl struct{ namespace string }

// command ends with ctx, which kills it.
func (k *kubectl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace", k.namespace}, args...)...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run has two minutes.
func (k *kubectl) run(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return complete(k.command(ctx, args...))
}

// complete runs a command and returns what it printed if it fails.
func complete(cmd *exec.Cmd) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, output.String())
	}
	return nil
}

// dial connects to the daemon of a Pod by the socket within it, as nothing of what is measured does. The connection does
// not come back when it is lost.
func (k *kubectl) dial(ctx context.Context, pod string) (*grpc.ClientConn, error) {
	var taken atomic.Bool
	dial := func(context.Context, string) (net.Conn, error) {
		if taken.Swap(true) {
			return nil, errors.New("the connection was lost")
		}
		return startPipe(k.command(ctx, "exec", "-i", pod, "--", "buildctl", "dial-stdio"))
	}
	return grpc.NewClient("passthrough:///"+pod, grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// pipe is the standard streams of a process as a connection.
type pipe struct {
	io.WriteCloser
	io.Reader
	process *os.Process
	ended   chan struct{}
}

func startPipe(cmd *exec.Cmd) (*pipe, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe, which Wait would close under the reader.
	reader, writer := io.Pipe()
	cmd.Stdout = writer
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &pipe{WriteCloser: stdin, Reader: reader, process: cmd.Process, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
		_ = writer.CloseWithError(io.EOF)
	}()
	return p, nil
}

// Close ends the process.
func (p *pipe) Close() error {
	_ = p.WriteCloser.Close()
	select {
	case <-p.ended: // its process ID may be another's by now
	default:
		_ = p.process.Kill()
	}
	return nil
}

// The rest of a net.Conn, which gRPC needs no more of.
func (*pipe) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "pipe"} }
func (*pipe) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "pipe"} }
func (*pipe) SetDeadline(time.Time) error      { return nil }
func (*pipe) SetReadDeadline(time.Time) error  { return nil }
func (*pipe) SetWriteDeadline(time.Time) error { return nil }
