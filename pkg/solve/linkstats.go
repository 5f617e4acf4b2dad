package solve

import (
	"net"
	"sync/atomic"
	"time"
)

// linkStats measures the connection to the daemon, below TLS. The upload compresses according to
// it.
type linkStats struct {
	net.Conn
	written   atomic.Int64
	waited    atomic.Int64 // nanoseconds
	roundTrip atomic.Int64 // nanoseconds
}

func (g *linkStats) Write(b []byte) (int, error) {
	start := time.Now()
	n, err := g.Conn.Write(b)
	g.waited.Add(int64(time.Since(start)))
	g.written.Add(int64(n))
	return n, err
}

// Written returns how many bytes were sent, and how long the writer was blocked.
func (g *linkStats) Written() (bytes int64, waited time.Duration) {
	return g.written.Load(), time.Duration(g.waited.Load())
}

// RoundTrip returns the shortest round trip to the daemon so far; 0 before the first response.
func (g *linkStats) RoundTrip() time.Duration {
	return time.Duration(g.roundTrip.Load())
}

// answered records a round trip. On a busy machine some responses are late though the connection is
// fast.
func (g *linkStats) answered(after time.Duration) {
	for {
		shortest := g.roundTrip.Load()
		if shortest > 0 && shortest <= int64(after) || g.roundTrip.CompareAndSwap(shortest, int64(after)) {
			return
		}
	}
}
