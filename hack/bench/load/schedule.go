package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// shape is what a load consists of. The same shape and seed give the same load on any builder.
type shape struct {
	clients  int
	members  int
	duration time.Duration // of the arrivals; what has arrived is built to its end
	every    time.Duration // from one build of a client to its next, on average
	seed     uint64
}

// What the builds are made of. A project is a directory that all clients have at the same path, as jobs of a CI system
// do; the first is the most popular.
const (
	projects   = 12
	burstEvery = time.Minute // a quarter of the clients build in the same moment, as after a merge
	burstFirst = 20 * time.Second
)

// job is one build of the schedule.
type job struct {
	id      string
	client  int
	at      time.Duration // since the start of the load; a client that still builds begins later
	project int
	steps   []step // each has the cache of all before it
}

// step is one RUN of a build. Steps of the same key are the same step.
type step struct {
	key   string
	takes time.Duration
}

// blow is a fault or a change that hits a member in the middle of the load.
type blow struct {
	at     time.Duration
	kind   blowKind
	member int // by the order of the Pods' names; an upgrade hits all

	failure error // why it did not happen
}

type blowKind string

const (
	crash   blowKind = "crash"   // the daemon ends, its container is started again
	deleted blowKind = "delete"  // the Pod is deleted without a grace period, another takes its place
	upgrade blowKind = "upgrade" // a changed configuration replaces all members
)

// schedule returns the builds in the order of their arrival, and the blows.
func schedule(s shape) ([]job, []blow) {
	random := rand.New(rand.NewPCG(s.seed, 1)) //nolint:gosec // the load is to be the same each time
	var jobs []job
	for client := range s.clients {
		next := time.Duration(random.Float64() * float64(s.every))
		for ; next < s.duration; next += time.Duration(random.ExpFloat64() * float64(s.every)) {
			jobs = append(jobs, job{client: client, at: next})
		}
	}
	for at := burstFirst; at < s.duration; at += burstEvery {
		for _, client := range random.Perm(s.clients)[:(s.clients+3)/4] {
			jobs = append(jobs, job{client: client, at: at + time.Duration(random.IntN(500))*time.Millisecond})
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(a.at, b.at) })
	fill(jobs, random)
	return jobs, blows(s, random)
}

// fill says what each build builds: a project goes from revision to revision, and some builds repeat one.
func fill(jobs []job, random *rand.Rand) {
	popular := rand.NewZipf(random, 1.3, 3, projects-1)
	type revision struct{ dependencies, source int }
	var now [projects]revision
	var durations [projects][3]time.Duration
	for i := range jobs {
		p := int(popular.Uint64())
		r, d := &now[p], &durations[p]
		if r.source == 0 || random.IntN(15) == 0 {
			r.dependencies++
			d[0] = seconds(random, 6, 10)
		}
		if r.source == 0 || random.Float64() < 0.65 {
			r.source++
			d[1], d[2] = seconds(random, 4, 10), seconds(random, 2, 6)
		}
		dependencies := fmt.Sprintf("p%d-d%d", p, r.dependencies)
		source := fmt.Sprintf("%s-s%d", dependencies, r.source)
		jobs[i].id, jobs[i].project = fmt.Sprintf("b%04d", i), p
		jobs[i].steps = []step{{dependencies, d[0]}, {source, d[1]}, {source + "-t", d[2]}}
	}
}

// seconds returns a duration between both, in steps of 100 ms.
func seconds(random *rand.Rand, least, most int) time.Duration {
	return time.Duration(least)*time.Second + time.Duration(random.IntN((most-least)*10))*100*time.Millisecond
}

// blows has a crash or a deletion in turn about every 45 seconds, and one upgrade after 55% of the time, which is to be
// seen alone. The last tenth is quiet.
func blows(s shape, random *rand.Rand) []blow {
	change := s.duration * 55 / 100
	all := []blow{{at: change, kind: upgrade}}
	const pause = 45 * time.Second
	kinds := []blowKind{crash, deleted}
	for at := min(pause, s.duration/4); at < s.duration*9/10; at += pause {
		if at > change-pause/3 && at < change+pause/2 {
			continue
		}
		all = append(all, blow{at: at, kind: kinds[(len(all)-1)%len(kinds)], member: random.IntN(s.members)})
	}
	slices.SortStableFunc(all, func(a, b blow) int { return cmp.Compare(a.at, b.at) })
	return all
}
