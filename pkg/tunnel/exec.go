package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
)

// exec runs the target's command; its standard input and output are the connection. It returns once
// the command's streams are open.
func (d Dialer) exec(ctx context.Context, target Target) (*conn, error) {
	target.Port = 0 // it leads to the daemon's socket
	executor, err := d.executor(target)
	if err != nil {
		return nil, fmt.Errorf("preparing exec: %w", err)
	}
	c := newConn(target, 0)
	run := &execution{conn: c, opened: make(chan struct{})}
	// The connection outlives the dial, but not Close.
	lifetime, stop := context.WithCancel(context.WithoutCancel(ctx))
	finished, over := make(chan error, 1), make(chan struct{})
	go func() {
		defer stop()
		err := executor.StreamWithContext(lifetime, remotecommand.StreamOptions{
			Stdin: (*standardInput)(run), Stdout: (*standardOutput)(run), Stderr: &run.stderr,
		})
		finished <- err
		c.end(run.ending(err))
		close(over)
	}()
	go c.hangUp(closer(stop), over)
	select {
	case <-run.opened:
		return c, nil
	case err := <-finished:
		return nil, unwrapUpgrade(run.ending(err))
	case <-ctx.Done():
		stop()
		return nil, context.Cause(ctx)
	}
}

func (d Dialer) executor(target Target) (remotecommand.Executor, error) {
	address, err := d.url(target, "exec")
	if err != nil {
		return nil, err
	}
	address.RawQuery = url.Values{
		"container": {target.Container}, "command": target.Command,
		"stdin": {"true"}, "stdout": {"true"}, "stderr": {"true"},
	}.Encode()
	overWebSocket, err := remotecommand.NewWebSocketExecutor(d.Config, http.MethodGet, address.String())
	if err != nil {
		return nil, err
	}
	overSPDY, err := remotecommand.NewSPDYExecutor(d.Config, http.MethodPost, address)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(overWebSocket, overSPDY, func(err error) bool {
		return otherMayWork(unwrapUpgrade(err))
	})
}

// execution is a running command.
type execution struct {
	*conn
	openOnce sync.Once
	opened   chan struct{} // closed when the streams are open: the first read of standard input
	sending  []byte        // the chunk being sent
	rest     []byte        // the rest of it, still to be sent
	stderr   tail
}

// standardInput is read by the executor: the data that is written to the conn.
type standardInput execution

func (s *standardInput) Read(p []byte) (int, error) {
	s.openOnce.Do(func() { close(s.opened) })
	if len(s.rest) == 0 {
		if s.sending != nil {
			s.release(s.sending)
			s.sending = nil
		}
		select {
		case s.sending = <-s.outgoing:
		case <-s.ended:
			return 0, io.EOF
		case <-s.closed:
			select {
			case s.sending = <-s.outgoing:
			default:
				// The end of its standard input ends the command, and with it the stream: no error
				// on either side.
				return 0, io.EOF
			}
		}
		s.rest = s.sending
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// standardOutput is written by the executor: the data that the conn reads.
type standardOutput execution

func (s *standardOutput) Write(p []byte) (int, error) {
	s.hear()
	// After Close the output is not read, and the command is about to end: the executor would only
	// log an error.
	_ = s.push(bytes.Clone(p))
	return len(p), nil
}

// ending returns why the command ended, with its own message if there is one.
func (e *execution) ending(err error) error {
	message := strings.TrimSpace(e.stderr.String())
	switch {
	case message != "":
	case err == nil:
		message = "the command ended"
	case errors.Is(err, io.EOF):
		message = "the API server ended the connection"
	default:
		message = err.Error()
	}
	if httpstream.IsUpgradeFailure(err) {
		return err
	}
	if e.target.lacksCommand(message) {
		return &CommandNotFoundError{Namespace: e.target.Namespace, Pod: e.target.Pod, Command: e.target.Command[0]}
	}
	return e.target.ending(message, err)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > most {
		t.text = append([]byte(nil), t.text[len(t.text)-most:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// closer is a function that implements io.Closer.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}
