package link

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunkSize = 16 << 10
	// window is how many bytes may be under way in one direction, as with TCP itself: a receiver that does not read must
	// be felt by the sender.
	window = 4 << 20
	flight = 2 << 10 // how many chunks, which may be small
	// receiveBuffer keeps the kernel from taking much more off the client's hands than a router would: the client must
	// feel how fast the link is.
	receiveBuffer = 128 << 10
)

// connection is one connection of a client and the one to the server that belongs to it.
type connection struct {
	link   *Link
	number int
	client *net.TCPConn
	gate   gate
	dead   chan struct{} // closed with the connection

	mutex  sync.Mutex
	server *net.TCPConn // nil before the dial
	closed bool
}

func newConnection(l *Link, client *net.TCPConn) *connection {
	c := &connection{link: l, client: client, dead: make(chan struct{})}
	c.gate.open()
	return c
}

// run forwards until both directions have ended.
func (c *connection) run() {
	defer c.close(false)
	opened := time.Now().Add(c.link.roundTrip()) // a real client could not send before
	if !c.pass() {
		return
	}
	dialed, err := net.Dial("tcp", c.link.upstream)
	if err != nil {
		c.reset() // what a client sees of a server that is not there
		return
	}
	server := dialed.(*net.TCPConn)
	if !c.adopt(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { c.forward(Up, c.client, server, opened) })
	both.Go(func() { c.forward(Down, server, c.client, time.Time{}) })
	both.Wait()
}

// adopt takes the connection to the server, unless the link was cut while it was dialed.
func (c *connection) adopt(server *net.TCPConn) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		server.Close()
		return false
	}
	c.server = server
	return true
}

// chunk is bytes under way; none at all say that the sender has closed its side.
type chunk struct {
	bytes   []byte
	arrives time.Time
	failed  bool // the sender did not close in order
}

// queue is what is under way in one direction.
type queue struct {
	chunks  chan chunk
	bytes   atomic.Int64
	drained chan struct{} // has something when bytes became fewer
}

func (q *queue) delivered(bytes int) {
	q.bytes.Add(-int64(bytes))
	select {
	case q.drained <- struct{}{}:
	default:
	}
}

// forward carries one direction. Reading and writing run side by side, so that a delay does not lower the rate.
func (c *connection) forward(direction Direction, from, to *net.TCPConn, notBefore time.Time) {
	q := queue{chunks: make(chan chunk, flight), drained: make(chan struct{}, 1)}
	var reader sync.WaitGroup
	reader.Go(func() { c.receive(direction, from, notBefore, &q) })
	defer reader.Wait()
	for {
		var next chunk
		select {
		case next = <-q.chunks:
		case <-c.dead:
			return
		}
		if !c.until(next.arrives) || !c.pass() {
			return
		}
		switch {
		case next.failed:
			c.reset()
			return
		case next.bytes == nil:
			_ = to.CloseWrite() // it fails if the other end has gone, which the other direction notices
			return
		}
		if direction == Down {
			c.link.count(c.number, Down, len(next.bytes))
		}
		if _, err := to.Write(next.bytes); err != nil {
			c.reset()
			return
		}
		q.delivered(len(next.bytes))
	}
}

// receive reads what one end sends, no faster than the link carries it.
func (c *connection) receive(direction Direction, from *net.TCPConn, notBefore time.Time, q *queue) {
	_ = from.SetReadBuffer(receiveBuffer)
	for {
		buffer := make([]byte, chunkSize)
		n, err := from.Read(buffer)
		sent := time.Now()
		if sent.Before(notBefore) {
			sent = notBefore
		}
		if n > 0 {
			if direction == Up {
				c.link.count(c.number, Up, n)
			}
			left, arrives := c.link.schedule(direction, n, sent)
			if !c.send(q, chunk{bytes: buffer[:n], arrives: arrives}) || !c.until(left) {
				return
			}
		}
		if err != nil {
			_, arrives := c.link.schedule(direction, 0, sent)
			c.send(q, chunk{arrives: arrives, failed: !ended(err)})
			return
		}
	}
}

// send puts a chunk under way once there is room for it; false when the connection was reset before.
func (c *connection) send(q *queue, next chunk) bool {
	for q.bytes.Load() > window {
		select {
		case <-q.drained:
		case <-c.dead:
			return false
		}
	}
	q.bytes.Add(int64(len(next.bytes)))
	select {
	case q.chunks <- next:
		return true
	case <-c.dead:
		return false
	}
}

// until waits for a moment; false when the connection was reset before.
func (c *connection) until(moment time.Time) bool {
	wait := time.Until(moment)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.dead:
		return false
	}
}

// pass waits while the link or this connection is a black hole; false when the connection was reset meanwhile.
func (c *connection) pass() bool {
	return c.link.gate.wait(c.dead) && c.gate.wait(c.dead)
}

// reset closes both ends without a farewell.
func (c *connection) reset() { c.close(true) }

func (c *connection) close(abruptly bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.dead)
	for _, end := range []*net.TCPConn{c.client, c.server} {
		if end == nil {
			continue
		}
		if abruptly {
			_ = end.SetLinger(0)
		}
		_ = end.Close()
	}
}
