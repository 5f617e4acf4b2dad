package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// buildTimeout ends a build that hangs. It counts as lost.
const buildTimeout = 5 * time.Minute

// outcome is what came of a build, as its client saw it.
type outcome struct {
	job     job
	began   time.Time // the start of its process
	ended   time.Time
	held    time.Duration // until it got one of the processes
	cpu     time.Duration // of its process
	failure error         // why it is lost; nil for one that is done
}

func (o outcome) took() time.Duration { return o.ended.Sub(o.began) }

// crowd is the clients of one builder.
type crowd struct {
	contender contender
	contexts  []string
	dir       string   // each client has its home below it
	shared    string   // what install wrote into its home; copied into that of each client
	slots     chan int // the processes that may run
	log       io.Writer
}

// build runs all jobs, each client its own, one after another, and returns their outcomes in the order of the jobs. It
// returns when the last has ended.
func (c *crowd) build(ctx context.Context, jobs []job, start time.Time) []outcome {
	outcomes, mine := make([]outcome, len(jobs)), map[int][]int{}
	for i, j := range jobs {
		mine[j.client] = append(mine[j.client], i)
	}
	var clients sync.WaitGroup
	for client, indices := range mine {
		clients.Go(func() {
			home, err := c.home(client)
			for _, i := range indices {
				pause(ctx, time.Until(start.Add(jobs[i].at)))
				outcomes[i] = outcome{job: jobs[i], failure: err}
				if err == nil {
					c.one(ctx, home, &outcomes[i])
				}
				if c.log != nil {
					fmt.Fprintf(c.log, "%6.1fs %s %5.1fs %v\n", time.Since(start).Seconds(), jobs[i].id, outcomes[i].took().Seconds(), outcomes[i].failure)
				}
			}
		})
	}
	clients.Wait()
	return outcomes
}

// home makes the home directory of a client.
func (c *crowd) home(client int) (string, error) {
	home := filepath.Join(c.dir, fmt.Sprintf("client-%d", client))
	if err := os.MkdirAll(filepath.Join(home, "tmp"), 0o755); err != nil {
		return "", err
	}
	return home, os.CopyFS(filepath.Join(home, "buildx"), os.DirFS(c.shared))
}

// environment is that of every command: nothing of the user's own.
func environment(home, user string) []string {
	env := []string{
		"HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"), "USER=" + user, "LOGNAME=" + user,
		"DOCKER_CONFIG=" + filepath.Join(home, "docker"), "BUILDX_CONFIG=" + filepath.Join(home, "buildx"),
	}
	for _, name := range []string{"PATH", "KUBECONFIG"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return env
}

// one runs a build and checks its result.
func (c *crowd) one(ctx context.Context, home string, o *outcome) {
	came := time.Now()
	select {
	case slot := <-c.slots:
		defer func() { c.slots <- slot }()
	case <-ctx.Done():
		o.failure = ctx.Err()
		return
	}
	o.held = time.Since(came)
	limited, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	output := filepath.Join(home, o.job.id)
	argv := append(c.contender.build(), o.job.arguments(c.contexts[o.job.project], output)...)
	cmd := exec.CommandContext(limited, argv[0], argv[1:]...)
	cmd.Env, cmd.WaitDelay = environment(home, filepath.Base(home)), 5*time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	o.began = time.Now()
	err := cmd.Run()
	o.ended = time.Now()
	if cmd.ProcessState != nil {
		o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if err == nil {
		err = o.job.checkResult(output)
	}
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = errors.Join(err, fmt.Errorf("it took longer than %v", buildTimeout))
		}
		o.failure = fmt.Errorf("%w\n%s", err, lastLines(stderr.Bytes(), 12))
	}
	_ = os.RemoveAll(output)
}

func lastLines(text []byte, count int) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-count):], []byte("\n")))
}
