package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// pod is a Pod of the namespace, as the API server last reported it.
type pod struct {
	name, uid string
	node      string
	running   bool // its containers have been started, and it is not being deleted
	ready     bool
}

// pods follows the Pods of one namespace, which holds one builder.
type pods struct {
	cluster *kubectl
	found   func(pod) // is called once for each Pod that has been started

	mu    sync.Mutex
	known map[string]pod // by UID
	begun map[string]bool
	ready map[string][]interval // when a member was ready, by its name; the last one may last
}

// watch returns when ctx ends. One kubectl watches, so that following the Pods costs next to nothing.
func (p *pods) watch(ctx context.Context) {
	for ctx.Err() == nil {
		p.watchOnce(ctx)
		pause(ctx, 200*time.Millisecond)
	}
}

// podEvent is what `kubectl get pods --watch --output-watch-events -o json` prints.
type podEvent struct {
	Type   string
	Object struct {
		Metadata struct {
			Name, UID         string
			DeletionTimestamp *time.Time
		}
		Spec   struct{ NodeName string }
		Status struct {
			Phase      string
			Conditions []struct{ Type, Status string }
		}
	}
}

func (p *pods) watchOnce(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := p.cluster.command(ctx, "get", "pods", "--watch", "--output-watch-events", "-o", "json")
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return
	}
	defer func() { _ = cmd.Wait() }() // after stop
	defer stop()
	for events := json.NewDecoder(stdout); ; {
		var event podEvent
		if events.Decode(&event) != nil {
			return
		}
		p.take(event)
	}
}

func (p *pods) take(event podEvent) {
	object := event.Object
	one := pod{name: object.Metadata.Name, uid: object.Metadata.UID, node: object.Spec.NodeName}
	one.running = object.Status.Phase == "Running" && object.Metadata.DeletionTimestamp == nil
	for _, condition := range object.Status.Conditions {
		one.ready = one.ready || one.running && condition.Type == "Ready" && condition.Status == "True"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteReady(one.name, one.ready && event.Type != "DELETED", time.Now())
	if event.Type == "DELETED" {
		delete(p.known, one.uid)
		return
	}
	p.known[one.uid] = one
	if one.running && !p.begun[one.uid] {
		p.begun[one.uid] = true
		p.found(one)
	}
}

// noteReady notes whether a member is ready.
func (p *pods) noteReady(name string, ready bool, now time.Time) {
	times := p.ready[name]
	switch lasts := len(times) > 0 && times[len(times)-1].to.IsZero(); {
	case ready && !lasts:
		p.ready[name] = append(times, interval{from: now})
	case !ready && lasts:
		times[len(times)-1].to = now
	}
}

// away returns, for each member, when it was not ready between these times.
func (p *pods) away(from, to time.Time) [][]interval {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all [][]interval
	for _, name := range slices.Sorted(maps.Keys(p.ready)) {
		var away []interval
		last := from
		for _, each := range p.ready[name] {
			if each.from.After(last) {
				away = append(away, interval{last, each.from})
			}
			if each.to.IsZero() {
				last = to
				break
			}
			if each.to.After(last) {
				last = each.to
			}
		}
		if last.Before(to) {
			away = append(away, interval{last, to})
		}
		all = append(all, away)
	}
	return all
}

// exists reports whether the API server still has that very Pod.
func (p *pods) exists(uid string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.known[uid]
	return known
}

// running returns the Pods that run, in the order of their names.
func (p *pods) running() []pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []pod
	for _, one := range p.known {
		if one.running {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b pod) int { return cmp.Compare(a.name, b.name) })
	return all
}

// awaitReady returns the Pods when that many are ready and there are no others that run, or what there is at the end of ctx.
func (p *pods) awaitReady(ctx context.Context, want int) ([]pod, error) {
	for {
		all := p.running()
		if len(all) == want && !slices.ContainsFunc(all, func(one pod) bool { return !one.ready }) {
			return all, nil
		}
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		pause(ctx, 200*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
