package tunnel

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// chunk is how much one Write hands over at once. With its header it fits one WebSocket frame
	// of client-go's buffer (33 KiB), which is also what the other end reads at a time.
	chunk = 32 << 10
	// inFlight is how many chunks may wait for the network before Write does.
	inFlight = 4
	// readAhead is how much may wait for Read before the network does, in bytes. SPDY has no flow
	// control of its own.
	readAhead = 1 << 20
	// piecesAhead bounds what small pieces cost besides their bytes.
	piecesAhead = 8 << 10
	// flushWithin is how long the last bytes may take after Close.
	flushWithin = time.Second
)

// conn is the local end of a tunnel. A pump sends the chunks of outgoing and pushes the data that
// arrives; conn itself never uses the network, so that deadlines are exact and Close returns at
// once.
type conn struct {
	target Target
	header int // free bytes at the start of every outgoing chunk, for the pump's framing

	mu       sync.Mutex
	incoming [][]byte
	waiting  int
	lost     error
	arrived  chan struct{} // a token when there is something to read
	drained  chan struct{} // a token when there is room again

	writing  sync.Mutex
	outgoing chan []byte
	spare    chan []byte

	ended     chan struct{} // closed when the tunnel has ended
	endOnce   sync.Once
	closed    chan struct{} // closed by Close
	closeOnce sync.Once

	readBy, writeBy deadline

	began time.Time
	heard atomic.Int64 // when anything was last received, in nanoseconds since began
}

func newConn(target Target, header int) *conn {
	return &conn{
		target:   target,
		header:   header,
		arrived:  make(chan struct{}, 1),
		drained:  make(chan struct{}, 1),
		outgoing: make(chan []byte, inFlight),
		spare:    make(chan []byte, inFlight+1),
		ended:    make(chan struct{}),
		closed:   make(chan struct{}),
		began:    time.Now(),
	}
}

// hear records that something was received, which need not be data for Read.
func (c *conn) hear() { c.heard.Store(int64(time.Since(c.began))) }

// Heard returns the time at which anything was last received, data or not: the replies to pings,
// which port-forward sends every ten seconds, show that the connection to the node works though the
// Pod is silent.
func (c *conn) Heard() time.Time { return c.began.Add(time.Duration(c.heard.Load())) }

// Read waits for data, the deadline, Close, or the loss of the tunnel; what arrived before a loss
// is read first.
func (c *conn) Read(p []byte) (int, error) {
	expired := c.readBy.passed()
	for {
		switch {
		case isClosed(c.closed):
			return 0, net.ErrClosed
		case isClosed(expired):
			return 0, os.ErrDeadlineExceeded
		}
		if n, err := c.take(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-c.arrived:
		case <-c.ended:
		case <-c.closed:
		case <-expired:
		}
	}
}

// take copies the data that has arrived.
func (c *conn) take(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(p) && len(c.incoming) > 0 {
		copied := copy(p[n:], c.incoming[0])
		n += copied
		if copied == len(c.incoming[0]) {
			c.incoming[0] = nil
			c.incoming = c.incoming[1:]
		} else {
			c.incoming[0] = c.incoming[0][copied:]
		}
	}
	c.waiting -= n
	if n > 0 {
		token(c.drained)
	}
	if len(c.incoming) > 0 {
		// For another reader.
		token(c.arrived)
	}
	if n == 0 && c.lost != nil {
		return 0, c.lost
	}
	return n, nil
}

// push passes data, which it keeps, to Read; it blocks while too much is unread. It returns false
// after Close.
func (c *conn) push(data []byte) bool {
	if len(data) == 0 {
		return true
	}
	c.mu.Lock()
	c.incoming = append(c.incoming, data)
	c.waiting += len(data)
	full := c.full()
	c.mu.Unlock()
	token(c.arrived)
	for full {
		select {
		case <-c.drained:
		case <-c.closed:
			return false
		}
		c.mu.Lock()
		full = c.full()
		c.mu.Unlock()
	}
	return !isClosed(c.closed)
}

func (c *conn) full() bool { return c.waiting >= readAhead || len(c.incoming) >= piecesAhead }

// Write copies p and returns before the network has it, unless inFlight chunks wait already.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	expired := c.writeBy.passed()
	written := 0
	for {
		switch {
		case isClosed(c.closed):
			return written, net.ErrClosed
		case isClosed(c.ended):
			return written, c.loss()
		case isClosed(expired):
			return written, os.ErrDeadlineExceeded
		case written == len(p):
			return written, nil
		}
		size := min(chunk, len(p)-written)
		buffer := append(c.buffer(), p[written:written+size]...)
		select {
		case c.outgoing <- buffer:
			written += size
		case <-c.closed:
		case <-c.ended:
		case <-expired:
		}
		if written == len(p) {
			return written, nil
		}
	}
}

// buffer returns an empty chunk with room for the header, a used one if there is any.
func (c *conn) buffer() []byte {
	select {
	case buffer := <-c.spare:
		return buffer[:c.header]
	default:
		return make([]byte, c.header, c.header+chunk)
	}
}

// release returns a chunk for reuse after it was sent.
func (c *conn) release(buffer []byte) {
	select {
	case c.spare <- buffer:
	default:
	}
}

// end ends the tunnel with an error; the first one is kept.
func (c *conn) end(err error) {
	c.endOnce.Do(func() {
		c.mu.Lock()
		c.lost = err
		c.mu.Unlock()
		close(c.ended)
	})
}

func (c *conn) loss() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Close unblocks every Read and Write at once; the pump sends what was written, for a second at
// most, and closes the connection.
func (c *conn) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return nil
}

func (c *conn) SetDeadline(when time.Time) error {
	c.readBy.set(when)
	c.writeBy.set(when)
	return nil
}

func (c *conn) SetReadDeadline(when time.Time) error {
	c.readBy.set(when)
	return nil
}

func (c *conn) SetWriteDeadline(when time.Time) error {
	c.writeBy.set(when)
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return address("local") }
func (c *conn) RemoteAddr() net.Addr { return address(c.target.Namespace + "/" + c.target.Pod) }

// address names an end of a tunnel, e.g. "team/buildkitd".
type address string

func (a address) Network() string { return "tunnel" }
func (a address) String() string  { return string(a) }

// token leaves a token in a channel of capacity one.
func token(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// hangUp closes the underlying connection when the conn is closed or has ended: after the pump has
// sent the last bytes, or after a timeout.
func (c *conn) hangUp(link io.Closer, done <-chan struct{}) {
	select {
	case <-c.closed:
	case <-c.ended:
	}
	timer := time.NewTimer(flushWithin)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	_ = link.Close()
}
