package export

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// outputTimeout is how long children of a program that has ended may keep its
// output open.
const outputTimeout = time.Second

// program is a running program. It can be killed at any time, with the processes
// that it has started.
type program struct {
	command *exec.Cmd
	ended   chan struct{} // closed when it has ended, after err is set
	output  bytes.Buffer
	err     error
}

func newProgram(path string, args ...string) *program {
	p := &program{command: exec.Command(path, args...), ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.WaitDelay = outputTimeout
	separateGroup(p.command)
	return p
}

func (p *program) start() error {
	if err := p.command.Start(); err != nil {
		return err
	}
	go func() {
		if err := p.command.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
			p.err = err
		}
		close(p.ended)
	}()
	return nil
}

// wait waits for the end of the program and returns its error.
func (p *program) wait() error {
	<-p.ended
	return p.err
}

// kill kills the program without waiting. It does nothing after the end.
func (p *program) kill() {
	select {
	case <-p.ended:
	default:
		killAll(p.command)
	}
}

// text returns the output of the ended program.
func (p *program) text() string { return strings.TrimSpace(p.output.String()) }
