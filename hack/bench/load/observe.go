package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
)

// attempt is a build as a daemon saw it. A client whose member is lost makes another one.
type attempt struct {
	pod, uid string
	ref      string
	job      string    // by its arguments or the name of one of its steps; empty if it has shown neither
	created  time.Time // by the daemon's clock, as all times here
	queued   time.Time // when it began to wait, if that was before it was created
	began    time.Time // the start of its first step; zero while it waits
	ended    time.Time
	lost     time.Time         // the end of the connection to the daemon, if that came first
	ran      map[string]string // the steps that were run for it: their keys by their runs
}

// end is when the attempt no longer took a place. It is zero while it does.
func (a *attempt) end() time.Time {
	if a.ended.IsZero() {
		return a.lost
	}
	return a.ended
}

// observer asks the daemons what they build, by a connection of its own to each.
type observer struct {
	cluster *kubectl
	pods    *pods

	mu       sync.Mutex
	attempts map[attemptKey]*attempt
	queued   map[string]time.Time          // since when a build waits, by its reference
	tickets  map[string]map[string]waiting // what it waits by, by its reference and that of the record
	members  sync.WaitGroup
}

// waiting is a record that stands in the queue for a build.
type waiting struct {
	state    string
	from, to time.Time
}

type attemptKey struct {
	ref     string
	created time.Time
}

func newObserver(ctx context.Context, cluster *kubectl) *observer {
	o := &observer{cluster: cluster, attempts: map[attemptKey]*attempt{}, queued: map[string]time.Time{}, tickets: map[string]map[string]waiting{}}
	o.pods = &pods{cluster: cluster, known: map[string]pod{}, begun: map[string]bool{}, ready: map[string][]interval{}}
	o.pods.found = func(one pod) { o.members.Go(func() { o.member(ctx, one) }) }
	o.members.Go(func() { o.pods.watch(ctx) })
	return o
}

// member observes one Pod, through restarts of its daemon, until the Pod is gone or ctx ends.
func (o *observer) member(ctx context.Context, p pod) {
	for ctx.Err() == nil && o.pods.exists(p.uid) {
		_ = o.listen(ctx, p) // the daemon may be gone for a while
		pause(ctx, 300*time.Millisecond)
	}
}

// listen follows every build of a daemon, those that it has completed before included, until the connection is lost.
func (o *observer) listen(ctx context.Context, p pod) error {
	ctx, stop := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()
	connection, err := o.cluster.dial(ctx, p.name)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	api := controlapi.NewControlClient(connection)
	events, err := api.ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{})
	if err != nil {
		return err
	}
	followed := map[attemptKey]bool{}
	for {
		event, err := events.Recv()
		if err != nil {
			return err
		}
		record := event.Record
		if record == nil || event.Type == controlapi.BuildHistoryEventType_DELETED {
			continue
		}
		if o.noteTicket(record) {
			continue
		}
		key := attemptKey{record.Ref, record.CreatedAt.AsTime()}
		a := o.note(p, key, record)
		if !followed[key] {
			followed[key] = true
			following.Go(func() { o.follow(ctx, api, a) })
		}
	}
}

// noteTicket reports whether a record has no build, but is what a build of ours waits by. It notes since when.
func (o *observer) noteTicket(record *controlapi.BuildHistoryRecord) bool {
	build := record.FrontendAttrs["kubectl-buildkit.build"]
	if build == "" {
		return false
	}
	since := record.CreatedAt.AsTime()
	if before, err := time.Parse(time.RFC3339Nano, record.FrontendAttrs["kubectl-buildkit.queued"]); err == nil && before.Before(since) {
		since = before // at another member
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, is := o.queued[build]; !is || since.Before(known) {
		o.queued[build] = since
	}
	if o.tickets[build] == nil {
		o.tickets[build] = map[string]waiting{}
	}
	t := waiting{state: record.FrontendAttrs["kubectl-buildkit.state"], from: record.CreatedAt.AsTime()}
	if record.CompletedAt != nil {
		t.to = record.CompletedAt.AsTime()
	}
	o.tickets[build][record.Ref] = t
	return true
}

// note returns the attempt of a record.
func (o *observer) note(p pod, key attemptKey, record *controlapi.BuildHistoryRecord) *attempt {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.attempts[key]
	if a == nil {
		a = &attempt{pod: p.name, uid: p.uid, ref: key.ref, created: key.created, ran: map[string]string{}}
		o.attempts[key] = a
	}
	a.lost = time.Time{} // the daemon still knows it
	if named := record.FrontendAttrs["build-arg:mark"]; named != "" {
		a.job = named
	}
	if record.CompletedAt != nil {
		a.ended = record.CompletedAt.AsTime()
	}
	return a
}

// follow reads the steps of a build until the daemon ends their list.
func (o *observer) follow(ctx context.Context, api controlapi.ControlClient, a *attempt) {
	steps, err := api.Status(ctx, &controlapi.StatusRequest{Ref: a.ref})
	logs := map[string][]byte{}
	for err == nil {
		var news *controlapi.StatusResponse
		if news, err = steps.Recv(); err == nil {
			o.take(a, news, logs)
		}
	}
	if !errors.Is(err, io.EOF) {
		o.mu.Lock()
		defer o.mu.Unlock()
		a.lost = time.Now()
	}
}

// maxLog bounds the log of a step that is looked at; ours print one line.
const maxLog = 1 << 16

func (o *observer) take(a *attempt, news *controlapi.StatusResponse, logs map[string][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, vertex := range news.Vertexes {
		// A step that the build shares with an older one began before the build did.
		if started := vertex.Started.AsTime(); vertex.Started != nil && !started.Before(a.created) && (a.began.IsZero() || started.Before(a.began)) {
			a.began = started
		}
		if job := jobOf(vertex.Name); job != "" {
			a.job = job
		}
	}
	for _, line := range news.Logs {
		if len(logs[line.Vertex])+len(line.Msg) > maxLog {
			continue
		}
		logs[line.Vertex] = append(logs[line.Vertex], line.Msg...)
		for run, key := range runsIn(logs[line.Vertex]) {
			a.ran[run] = key
		}
	}
}

// jobOf returns the build that a step belongs to, of whose steps only one names it.
func jobOf(step string) string {
	found := regexp.MustCompile(`/mark/(b[0-9]+)`).FindStringSubmatch(step)
	if found == nil {
		return ""
	}
	return found[1]
}

// runsIn returns the keys of steps by their runs, from the lines that the steps print when they are run.
func runsIn(log []byte) map[string]string {
	runs := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^ran (\S+) (\S+)\r?\n`).FindAllSubmatch(log, -1) {
		runs[string(found[2])] = string(found[1])
	}
	return runs
}

// waits returns what the builds waited by, in the order of time, by their references.
func (o *observer) waits() map[string][]waiting {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[string][]waiting{}
	for build, tickets := range o.tickets {
		all[build] = slices.SortedFunc(maps.Values(tickets), func(a, b waiting) int { return a.from.Compare(b.from) })
	}
	return all
}

// seen returns the attempts so far. They are copies.
func (o *observer) seen() []attempt {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []attempt
	for _, a := range o.attempts {
		one := *a
		one.queued = o.queued[a.ref]
		one.ran = make(map[string]string, len(a.ran))
		for run, key := range a.ran {
			one.ran[run] = key
		}
		all = append(all, one)
	}
	return all
}
