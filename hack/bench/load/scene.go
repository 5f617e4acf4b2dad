package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// scene is one contender under the load.
type scene struct {
	options
	contender contender
	contexts  []string
	dir       string
	registry  string
	cluster   *kubectl
	observer  *observer
}

// recording is what was seen of a contender.
type recording struct {
	start    time.Time
	outcomes []outcome
	attempts []attempt
	tickets  map[string][]waiting // of the attempts, by their references
	blows    []blow               // as they happened
	away     [][]interval         // when the members were not ready, by member
	machine  machine
	nodes    int // on which the members were at the start
}

// play installs a builder in a namespace of its own, has the clients build, and removes it.
func (s *scene) play(ctx context.Context, namespace string, jobs []job, hits []blow) (seen recording, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*s.shape.duration+10*time.Minute)
	defer cancel()
	s.cluster = &kubectl{namespace}
	if err := s.cluster.run(ctx, "create", "namespace", namespace); err != nil {
		return seen, err
	}
	defer s.clean(ctx)
	fmt.Fprintf(s.log, "%s: %d clients, %d builds in %v, %d members\n", s.contender.name(), s.shape.clients, len(jobs), s.shape.duration, s.shape.members)
	observing, stopObserving := context.WithCancel(ctx)
	defer stopObserving()
	s.observer = newObserver(observing, s.cluster)
	if seen.nodes, err = s.prepare(ctx); err != nil {
		return seen, err
	}
	if err := s.probe(ctx); err != nil {
		return seen, err
	}
	measuring, stopMeasuring := context.WithCancel(ctx)
	defer stopMeasuring()
	measured, struck := make(chan machine, 1), make(chan []blow, 1)
	seen.start = time.Now()
	go func() { measured <- measureMachine(measuring) }()
	go func() { struck <- s.strike(ctx, measuring.Done(), hits, seen.start) }()
	seen.outcomes = s.crowd().build(ctx, jobs, seen.start)
	stopMeasuring()
	seen.machine, seen.blows = <-measured, <-struck
	pause(ctx, time.Second) // the last records
	stopObserving()
	s.observer.members.Wait()
	seen.attempts, seen.tickets = s.observer.seen(), s.observer.waits()
	seen.away = s.observer.pods.away(seen.start, time.Now())
	return seen, ctx.Err()
}

// probe builds once, which does not count: where that fails, every build would be lost, and say nothing of the load.
func (s *scene) probe(ctx context.Context) error {
	first := job{id: "b9999", client: -1, steps: []step{{key: "probe-0"}, {key: "probe-1"}, {key: "probe-2"}}}
	if probed := s.crowd().build(ctx, []job{first}, time.Now()); probed[0].failure != nil {
		return fmt.Errorf("building before the load begins: %w", probed[0].failure)
	}
	return nil
}

func (s *scene) crowd() *crowd {
	c := &crowd{contender: s.contender, contexts: s.contexts, dir: s.dir, shared: filepath.Join(s.dir, "admin", "buildx")}
	c.slots = make(chan int, s.processes)
	for slot := range s.processes {
		c.slots <- slot
	}
	if s.verbose {
		c.log = s.log
	}
	return c
}

// prepare makes the builder and returns on how many nodes its members are, when all of them are ready.
func (s *scene) prepare(ctx context.Context) (nodes int, err error) {
	for _, name := range []string{"buildx", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, "admin", name), 0o755); err != nil {
			return 0, err
		}
	}
	config, err := s.config(100)
	if err != nil {
		return 0, err
	}
	if err := s.commands(ctx, s.contender.install(config)); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	members, err := s.observer.pods.awaitReady(ctx, s.shape.members)
	if err != nil {
		return 0, fmt.Errorf("waiting for %d members, of which there are %v: %w", s.shape.members, members, err)
	}
	found := map[string]bool{}
	for _, member := range members {
		found[member.node] = true
	}
	return len(found), nil
}

// config writes a buildkitd.toml, which means the same to builds however many records it keeps.
func (s *scene) config(records int) (string, error) {
	path := filepath.Join(s.dir, fmt.Sprintf("buildkitd-%d.toml", records))
	text := fmt.Sprintf("[registry.%q]\n  http = true\n[history]\n  maxEntries = %d\n", s.registry, records)
	if s.limit > 0 {
		text += fmt.Sprintf("[worker.oci]\n  max-parallelism = %d\n", s.limit)
	}
	return path, os.WriteFile(path, []byte(text), 0o644)
}

func (s *scene) commands(ctx context.Context, all [][]string) error {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Minute)
	defer cancel()
	for _, argv := range all {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env, cmd.WaitDelay = environment(filepath.Join(s.dir, "admin"), "admin"), 5*time.Second
		if err := complete(cmd); err != nil {
			return err
		}
	}
	return nil
}

// strike hits the members at the times of the blows, but not after the end, and returns when each happened.
func (s *scene) strike(ctx context.Context, end <-chan struct{}, hits []blow, start time.Time) (done []blow) {
	for _, hit := range hits {
		select {
		case <-end:
			return done
		case <-time.After(time.Until(start.Add(hit.at))):
		}
		began := time.Since(start)
		hit.failure = s.hit(ctx, hit)
		fmt.Fprintf(s.log, "%6.1fs %s of member %d, %.1fs\n", began.Seconds(), hit.kind, hit.member, (time.Since(start) - began).Seconds())
		hit.at = began
		done = append(done, hit)
	}
	return done
}

func (s *scene) hit(ctx context.Context, hit blow) error {
	if hit.kind == upgrade {
		config, err := s.config(101)
		if err != nil {
			return err
		}
		return s.commands(ctx, s.contender.replace(config))
	}
	members := s.observer.pods.running()
	if len(members) == 0 {
		return errors.New("no member runs")
	}
	name := members[hit.member%len(members)].name
	if hit.kind == crash {
		return s.cluster.run(ctx, "exec", name, "--", "kill", "-ABRT", "1")
	}
	return s.cluster.run(ctx, "delete", "pod", name, "--force", "--grace-period=0", "--wait=false")
}

// clean removes the namespace, also after an interrupt, and waits for its end: the next contender has the machine to itself.
func (s *scene) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	if err := s.cluster.run(ctx, "delete", "namespace", s.cluster.namespace, "--ignore-not-found", "--timeout=100s"); err != nil {
		fmt.Fprintln(s.log, "removing the namespace:", err)
	}
}
