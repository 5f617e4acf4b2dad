// Package link is a link between a client and a server that tests can make slow, silent or broken: a TCP proxy on
// 127.0.0.1. It delays and limits both directions, forwards nothing for a while without closing anything, cuts, and
// counts. It must not know what is spoken through it.
package link

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Shape says how good the link is. The zero value is a link as good as the machine's own.
type Shape struct {
	RoundTrip time.Duration // half of it each way; opening a connection costs one, as the handshake of TCP does
	Rate      int64         // bits per second, for all connections together, each direction by itself; 0 is without limit
}

// Direction is where bytes go.
type Direction int

// The directions.
const (
	Up   Direction = iota // from the client
	Down                  // to the client
)

func (d Direction) String() string {
	if d == Up {
		return "up"
	}
	return "down"
}

// Event is bytes that passed the client's end of the link: sent by the client, or delivered to it.
type Event struct {
	At         time.Duration // since the link was made
	Connection int           // counted from 1
	Direction  Direction
	Bytes      int
}

// Link is a proxy that runs.
type Link struct {
	upstream string
	listener net.Listener
	begin    time.Time
	gate     gate // of the whole link
	running  sync.WaitGroup

	mutex       sync.Mutex
	shape       Shape
	busy        [2]time.Time // until when each direction's wire is taken
	connections map[*connection]struct{}
	meter       meter
}

// Listen makes a link to the server at upstream, a HOST:PORT, on a free port of 127.0.0.1.
func Listen(upstream string, shape Shape) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a link to %q: %w", upstream, err)
	}
	l := &Link{upstream: upstream, listener: listener, begin: time.Now(), shape: shape, connections: make(map[*connection]struct{})}
	l.gate.open()
	l.running.Add(1)
	go l.accept()
	return l, nil
}

// Address is the HOST:PORT that the client dials.
func (l *Link) Address() string { return l.listener.Addr().String() }

// SetShape changes the link for bytes that are sent from now on.
func (l *Link) SetShape(shape Shape) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.shape = shape
}

// Hold turns the link into a black hole: nothing is forwarded and nothing is closed, also on connections opened from now
// on, until Release. Neither end learns of what the other does meanwhile.
func (l *Link) Hold() { l.gate.close() }

// Release ends Hold. What was sent meanwhile is delivered, as TCP would have sent it again.
func (l *Link) Release() { l.gate.open() }

// Silence makes a black hole of the connections that are open, for good. New ones work: this is what a client meets when
// a firewall forgot its connections, or when it moved to another network.
func (l *Link) Silence() {
	for _, c := range l.open() {
		c.gate.close()
	}
}

// Cut closes the open connections at both ends with a reset, as a server that is killed does. New ones work.
func (l *Link) Cut() {
	for _, c := range l.open() {
		c.reset()
	}
}

// Close cuts everything and frees the port.
func (l *Link) Close() error {
	err := l.listener.Close()
	l.Cut()
	l.running.Wait()
	return err
}

func (l *Link) open() []*connection {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var connections []*connection
	for c := range l.connections {
		connections = append(connections, c)
	}
	return connections
}

func (l *Link) accept() {
	defer l.running.Done()
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return // closed: a listener on loopback has no other reason
		}
		l.running.Add(1)
		go func() {
			defer l.running.Done()
			l.serve(client.(*net.TCPConn))
		}()
	}
}

func (l *Link) serve(client *net.TCPConn) {
	c := newConnection(l, client)
	l.mutex.Lock()
	l.meter.counts.Connections++
	c.number = l.meter.counts.Connections
	l.connections[c] = struct{}{}
	l.mutex.Unlock()
	defer func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		delete(l.connections, c)
	}()
	c.run()
}

// schedule says when bytes sent at the given moment have left the client's or the server's side, and when they arrive.
func (l *Link) schedule(direction Direction, bytes int, sent time.Time) (left, arrives time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	left = sent
	if l.shape.Rate > 0 {
		if l.busy[direction].After(left) {
			left = l.busy[direction]
		}
		left = left.Add(time.Duration(float64(bytes) * 8 / float64(l.shape.Rate) * float64(time.Second)))
		l.busy[direction] = left
	}
	return left, left.Add(l.shape.RoundTrip / 2)
}

// roundTrip is the link's present one.
func (l *Link) roundTrip() time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.shape.RoundTrip
}
