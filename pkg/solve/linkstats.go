package solve

import (
	"net"
	"sync/atomic"
	"time"
)

// linkStats measures the connection to the daemon, for those who decide how to use it. It is below TLS.
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

// Written is how many bytes have gone out, and how long the connection has kept the writer waiting.
func (g *linkStats) Written() (bytes int64, waited time.Duration) {
	return g.written.Load(), time.Duration(g.waited.Load())
}

// RoundTrip is the shortest time in which the daemon has answered; 0 before it has.
func (g *linkStats) RoundTrip() time.Duration {
	return time.Duration(g.roundTrip.Load())
}

// answered notes how long the daemon took. On a busy machine some answers take long though the way is short.
func (g *linkStats) answered(after time.Duration) {
	for {
		shortest := g.roundTrip.Load()
		if shortest > 0 && shortest <= int64(after) || g.roundTrip.CompareAndSwap(shortest, int64(after)) {
			return
		}
	}
}
