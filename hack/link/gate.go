package link

import (
	"errors"
	"io"
	"sync"
)

// gate is a passage that can be closed and opened any number of times.
type gate struct {
	mutex  sync.Mutex
	opened chan struct{} // closed while the gate is open
}

func (g *gate) open() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
	select {
	case <-g.opened:
	default:
		close(g.opened)
	}
}

func (g *gate) close() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	select {
	case <-g.opened:
		g.opened = make(chan struct{})
	default:
	}
}

// wait returns true once the gate is open, false if dead is closed before.
func (g *gate) wait(dead <-chan struct{}) bool {
	g.mutex.Lock()
	opened := g.opened
	g.mutex.Unlock()
	select {
	case <-dead:
		return false
	case <-opened:
		return true
	}
}

// ended tells whether reading ended because the sender closed its side in order.
func ended(err error) bool { return errors.Is(err, io.EOF) }
