package driver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

// Logs copies the logs of a builder's daemons to out, one after the other, or all at once when they
// are followed. Where there are several members, each line begins with its Pod. Where not all logs
// could be opened, those of the others are copied, and the error has a *NoAnswerError; one that all
// have in common is returned as it is, e.g. a *cluster.NoLogError or a cluster error.
func (d *Driver) Logs(ctx context.Context, name string, o cluster.LogOptions, out io.Writer) error {
	c, err := d.Cluster()
	if err != nil {
		return err
	}
	candidates, _, err := c.Members(ctx, name, true) // a log is read, and nothing sent
	if err != nil {
		return err
	}
	// A member that is not up is the one whose log the user wants to see.
	logs, err := Gather(name, c.Namespace(), candidates, func(candidate cluster.Candidate) (io.ReadCloser, error) {
		if !candidate.Exists() {
			return nil, candidate.Err
		}
		return c.Logs(ctx, candidate.Member, o)
	})
	to := &lines{to: out}
	return errors.Join(to.copyAll(logs, len(candidates) > 1, o.Follow), err)
}

// lines writes whole lines of several logs.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

// copyAll copies one log after the other, or all at once when they are followed.
func (l *lines) copyAll(logs []Answer[io.ReadCloser], named, together bool) error {
	errs := make([]error, len(logs))
	var all sync.WaitGroup
	for i, log := range logs {
		prefix := ""
		if named {
			prefix = "[" + log.Member.Pod + "] "
		}
		all.Go(func() { errs[i] = l.copy(log.Value, prefix) })
		if !together {
			all.Wait()
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

func (l *lines) copy(log io.ReadCloser, prefix string) error {
	defer func() { _ = log.Close() }()
	buffered := bufio.NewReader(log)
	for {
		line, err := buffered.ReadString('\n')
		if line != "" {
			if writeErr := l.write(prefix + line); writeErr != nil {
				return writeErr
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading a log: %w", err)
		}
	}
}

func (l *lines) write(line string) error {
	if line[len(line)-1] != '\n' {
		line += "\n"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.to, line)
	return err
}
