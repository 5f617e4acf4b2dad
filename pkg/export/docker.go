package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
)

// dockerVersionTimeout is how long a docker engine may take to report its version.
const dockerVersionTimeout = 15 * time.Second

// Docker is a docker engine that images are loaded into, by the docker program: it knows the user's
// contexts, and an engine's client would be larger than this program.
type Docker struct {
	program string
	context string // the user's current one if empty
}

// FindDocker requests the version of the context's engine, so that the error of an engine that does
// not run comes before the build.
func FindDocker(ctx context.Context, lookPath func(string) (string, error), engine string) (*Docker, error) {
	path, err := lookPath("docker")
	if err != nil {
		return nil, errors.New("docker not found on this machine")
	}
	d := &Docker{program: path, context: engine}
	version := d.command("version", "--format", "{{.Server.Version}}")
	if err := version.start(); err != nil {
		return nil, err
	}
	timer := time.NewTimer(dockerVersionTimeout)
	defer timer.Stop()
	select {
	case <-version.ended:
	case <-timer.C:
	case <-ctx.Done():
	}
	version.kill()
	if err := version.wait(); err != nil {
		lines := strings.Split(version.text(), "\n")
		return nil, fmt.Errorf("docker does not respond: %s", lines[len(lines)-1])
	}
	return d, nil
}

// Stage starts docker load when the daemon begins to send the image.
func (d *Docker) Stage(entry *client.ExportEntry) Staged {
	load := &dockerLoad{engine: d}
	entry.Output = load.open
	return load
}

// Places returns the path of the program, which errors contain.
func (d *Docker) Places() []string { return []string{d.program} }

// command returns a command of docker for the engine.
func (d *Docker) command(args ...string) *program {
	if d.context != "" {
		args = append([]string{"--context", d.context}, args...)
	}
	return newProgram(d.program, args...)
}

// dockerLoad is one run of docker load.
type dockerLoad struct {
	engine *Docker

	mu        sync.Mutex
	load      *program // nil before the daemon begins to send
	pipe      io.WriteCloser
	discarded bool
}

// open is called when the daemon begins to send.
func (d *dockerLoad) open(map[string]string) (io.WriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.discarded {
		return nil, errors.New("the build has ended")
	}
	load := d.engine.command("load")
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

// Write passes a part of the archive to docker. After docker has ended, the error contains its
// output.
func (d *dockerLoad) Write(b []byte) (int, error) {
	n, err := d.pipe.Write(b)
	if err != nil {
		return n, errors.Join(d.Close(), err)
	}
	return n, nil
}

// Close waits until the image is loaded, or docker is killed.
func (d *dockerLoad) Close() error {
	_ = d.pipe.Close()
	err := d.load.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || d.discarded {
		return nil
	}
	return fmt.Errorf("loading the image into docker: %w: %s", err, d.load.text())
}

// Commit does nothing: the image has its name from the archive.
func (d *dockerLoad) Commit() error { return nil }

// Interrupt kills docker load.
func (d *dockerLoad) Interrupt() { d.kill() }

// Discard kills docker load and waits for its end.
func (d *dockerLoad) Discard() {
	if load := d.kill(); load != nil {
		_ = load.wait()
	}
}

// kill kills docker load without waiting.
func (d *dockerLoad) kill() *program {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discarded = true
	if d.load != nil {
		d.load.kill()
	}
	return d.load
}
