package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// toDocker streams an image into a docker engine, through the docker program:
// it knows the user's contexts, and an engine's client weighs more than all of
// this one.
type toDocker struct {
	program string
	context string // "" is the user's current one

	mu        sync.Mutex
	process   *exec.Cmd
	pipe      io.WriteCloser
	said      bytes.Buffer
	discarded bool
}

// contextAttr is the attribute of --output type=docker that names an engine. It
// is not for the daemon.
const contextAttr = "context"

// patience is how long a docker engine may take to say its version.
const patience = 15 * time.Second

// checkDocker finds the engine that the image is loaded into. For a question
// there is no image.
func (o *output) checkDocker(r *Request, env Environment) (err error) {
	if r.call != nil {
		return nil
	}
	o.dockerContext = o.attrs[contextAttr]
	delete(o.attrs, contextAttr)
	if o.docker, err = findDocker(o.dockerContext, env); err != nil {
		return o.wrong("there is no docker engine to load the image into: "+err.Error(),
			"write it to a file with -o type=docker,dest=FILE, or push it with --push")
	}
	return nil
}

// dockerCommand runs docker against the engine of that context.
func dockerCommand(program, context string, args ...string) *exec.Cmd {
	if context != "" {
		args = append([]string{"--context", context}, args...)
	}
	return exec.Command(program, args...)
}

// findDocker asks the engine for its version: a docker that does not run is
// known before the build.
func findDocker(context string, env Environment) (program string, err error) {
	program, err = env.LookPath("docker")
	if err != nil {
		return "", errors.New("there is no docker on this machine")
	}
	version := dockerCommand(program, context, "version", "--format", "{{.Server.Version}}")
	timer := time.AfterFunc(patience, func() { _ = version.Process.Kill() })
	defer timer.Stop()
	out, err := version.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("docker does not answer: %s", lines[len(lines)-1])
	}
	return program, nil
}

// open is called when the daemon begins to send.
func (d *toDocker) open(map[string]string) (io.WriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.discarded {
		return nil, errors.New("the build has ended")
	}
	d.process = dockerCommand(d.program, d.context, "load")
	d.process.Stdout, d.process.Stderr = &d.said, &d.said
	pipe, err := d.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := d.process.Start(); err != nil {
		return nil, fmt.Errorf("starting docker load: %w", err)
	}
	d.pipe = pipe
	return d, nil
}

// Write passes a part of the archive on. A docker that has ended says why.
func (d *toDocker) Write(b []byte) (int, error) {
	n, err := d.pipe.Write(b)
	if err != nil {
		return n, d.finish()
	}
	return n, nil
}

// Close waits until the image is loaded.
func (d *toDocker) Close() error {
	return d.finish()
}

func (d *toDocker) finish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process == nil {
		return nil
	}
	_ = d.pipe.Close()
	err := d.process.Wait()
	d.process = nil
	if err != nil {
		return fmt.Errorf("loading the image into docker: %w: %s", err, strings.TrimSpace(d.said.String()))
	}
	return nil
}

// commit has nothing to do: the image has its name from the archive.
func (d *toDocker) commit() error { return nil }

// discard ends a docker that still waits for the rest of the archive.
func (d *toDocker) discard() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discarded = true
	if d.process != nil {
		_ = d.process.Process.Kill()
		_ = d.process.Wait()
		d.process = nil
	}
}
