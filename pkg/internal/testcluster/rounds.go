package testcluster

import (
	"sync"
	"time"
)

// rounds counts how many answers a client waits for, one after the other: requests that are under way at the same time
// are one round, however slow the machine is.
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
