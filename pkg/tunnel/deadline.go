package tunnel

import (
	"sync"
	"time"
)

// deadline is a point in time that may be moved while a reader or writer waits for it.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{}
}

// set moves the deadline; the zero time means never.
func (d *deadline) set(when time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		// The timer has fired: wait until it has closed the channel, which is then of no further
		// use.
		<-d.expired
	}
	d.timer = nil
	if d.expired == nil || isClosed(d.expired) {
		d.expired = make(chan struct{})
	}
	if when.IsZero() {
		return
	}
	expired := d.expired
	if left := time.Until(when); left > 0 {
		d.timer = time.AfterFunc(left, func() { close(expired) })
		return
	}
	close(expired)
}

// passed returns a channel that is closed once the deadline has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}
