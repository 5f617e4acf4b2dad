package request

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	load      *program // nil before the daemon begins to send
	pipe      io.WriteCloser
	discarded bool
}

// contextAttr is the attribute of --output type=docker that names an engine. It
// is not for the daemon.
const contextAttr = "context"

// patience is how long a docker engine may take to say its version.
const patience = 15 * time.Second

// checkDocker finds the engine that the image is loaded into. For a question
// there is no image.
func (o *output) checkDocker(ctx context.Context, r *Request, env Environment) (err error) {
	if r.call != nil {
		return nil
	}
	o.dockerContext = o.attrs[contextAttr]
	delete(o.attrs, contextAttr)
	if o.docker, err = findDocker(ctx, o.dockerContext, env); err != nil {
		return o.wrong("there is no docker engine to load the image into: "+err.Error(),
			"write it to a file with -o type=docker,dest=FILE, or push it with --push")
	}
	return nil
}

// dockerCommand runs docker against the engine of that context.
func dockerCommand(path, engine string, args ...string) *program {
	if engine != "" {
		args = append([]string{"--context", engine}, args...)
	}
	return newProgram(path, args...)
}

// findDocker asks the engine for its version: a docker that does not run is
// known before the build.
func findDocker(ctx context.Context, engine string, env Environment) (path string, err error) {
	path, err = env.LookPath("docker")
	if err != nil {
		return "", errors.New("there is no docker on this machine")
	}
	version := dockerCommand(path, engine, "version", "--format", "{{.Server.Version}}")
	if err := version.start(); err != nil {
		return "", err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-version.ended:
	case <-timer.C:
	case <-ctx.Done():
	}
	version.kill()
	if err := version.wait(); err != nil {
		lines := strings.Split(version.text(), "\n")
		return "", fmt.Errorf("docker does not answer: %s", lines[len(lines)-1])
	}
	return path, nil
}

// open is called when the daemon begins to send.
func (d *toDocker) open(map[string]string) (io.WriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.discarded {
		return nil, errors.New("the build has ended")
	}
	load := dockerCommand(d.program, d.context, "load")
	pipe, err := load.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := load.start(); err != nil {
		return nil, fmt.Errorf("starting docker load: %w", err)
	}
	d.load, d.pipe = load, pipe
	return d, nil
}

// Write passes a part of the archive on. A docker that has ended says why.
func (d *toDocker) Write(b []byte) (int, error) {
	n, err := d.pipe.Write(b)
	if err != nil {
		return n, errors.Join(d.Close(), err)
	}
	return n, nil
}

// Close waits until the image is loaded, or docker is killed.
func (d *toDocker) Close() error {
	_ = d.pipe.Close()
	err := d.load.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || d.discarded {
		return nil
	}
	return fmt.Errorf("loading the image into docker: %w: %s", err, d.load.text())
}

// Commit has nothing to do: the image has its name from the archive.
func (d *toDocker) Commit() error { return nil }

// Interrupt kills a docker that still loads.
func (d *toDocker) Interrupt() { d.abandon() }

// Discard ends a docker that still waits for the rest of the archive.
func (d *toDocker) Discard() {
	if load := d.abandon(); load != nil {
		_ = load.wait()
	}
}

// abandon waits for nothing: it is what an interrupt leads to.
func (d *toDocker) abandon() *program {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discarded = true
	if d.load != nil {
		d.load.kill()
	}
	return d.load
}
