package testcluster

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// rounds counts how many answers a client waits for, one after the other: requests that are under
// way at the same time are one round, however slow the machine is.
type rounds struct {
	mu           sync.Mutex
	count, asked int
}

// pass holds a request up for the delay.
func (r *rounds) pass(delay time.Duration) {
	r.mu.Lock()
	if r.asked == 0 {
		r.count++
	}
	r.asked++
	r.mu.Unlock()
	time.Sleep(delay)
	r.mu.Lock()
	r.asked--
	r.mu.Unlock()
}

// Rounds returns how many round trips were waited for since the last call.
func (c *Cluster) Rounds() int {
	c.rounds.mu.Lock()
	defer c.rounds.mu.Unlock()
	count := c.rounds.count
	c.rounds.count = 0
	return count
}

// Requests returns what was asked so far, e.g. "GET pods/buildkitd", without watches; dry runs end
// in " dry".
func (c *Cluster) Requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Writes returns the requests that change something.
func (c *Cluster) Writes() []string {
	return slices.DeleteFunc(c.Requests(), func(request string) bool {
		return strings.HasPrefix(request, "GET") || strings.HasSuffix(request, dryRun)
	})
}

// Forget makes Requests and Writes begin anew.
func (c *Cluster) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}
