package link

import "time"

// Counts is what passed the client's end of the link.
type Counts struct {
	Up, Down    int64 // bytes
	Connections int
	// Turns is how often the client sent something after it had received something, or first of all, over all
	// connections: about the number of round trips it has paid for.
	Turns int
}

type meter struct {
	counts Counts
	last   Direction
	trace  func(Event)
}

// Counts returns what was counted so far.
func (l *Link) Counts() Counts {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.meter.counts
}

// Trace has a function called for all that passes the client's end from now on. It must be quick: the link waits for it.
func (l *Link) Trace(trace func(Event)) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.meter.trace = trace
}

func (l *Link) count(connection int, direction Direction, bytes int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	m := &l.meter
	if direction == Up {
		if m.last == Down || m.counts.Turns == 0 {
			m.counts.Turns++
		}
		m.counts.Up += int64(bytes)
	} else {
		m.counts.Down += int64(bytes)
	}
	m.last = direction
	if m.trace != nil {
		m.trace(Event{At: time.Since(l.begin), Connection: connection, Direction: direction, Bytes: bytes})
	}
}
