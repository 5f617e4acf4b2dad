package export

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// outputTimeout is how long a program that has ended may leave its output open to
// others.
const outputTimeout = time.Second

// program is another program that runs. It can be ended at any time, with what
// it has started.
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
	apart(p.command)
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

// wait returns how the program ended.
func (p *program) wait() error {
	<-p.ended
	return p.err
}

// kill does not wait. It does nothing to a program that has ended.
func (p *program) kill() {
	select {
	case <-p.ended:
	default:
		killAll(p.command)
	}
}

// text is what the ended program printed.
func (p *program) text() string { return strings.TrimSpace(p.output.String()) }
