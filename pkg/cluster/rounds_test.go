package cluster_test

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

// since returns the rounds since the last call.
func (r *rounds) since() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.count
	r.count = 0
	return count
}
