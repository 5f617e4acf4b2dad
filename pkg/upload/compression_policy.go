package upload

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress"
)

const (
	// slowLink is the rate, in bytes per second, below which compressing is faster than sending: a
	// core compresses two to four times as much.
	slowLink = 32 << 20
	// farRoundTrip is the round trip from which on the daemon is not on this machine or in the
	// local network.
	farRoundTrip = 15 * time.Millisecond
	// measureEvery is the interval of measurements: long enough for the windows of several HTTP/2
	// round trips.
	measureEvery = 200 * time.Millisecond
	// measureBytes is how many bytes must have been sent for a measurement.
	measureBytes = 128 << 10
	// minCompressed is the length, in bytes, of the shortest message to compress.
	minCompressed = 256
	// sample is how many bytes of a message are examined, and minEstimate the estimate from which
	// on data is compressible.
	sample      = 4 << 10
	minEstimate = 0.1
)

// Link is the measurements of a connection.
type Link interface {
	// Written returns how many bytes were sent, and how long the writer was blocked.
	Written() (bytes int64, waited time.Duration)
	// RoundTrip returns the round trip to the daemon; 0 if it is not known yet.
	RoundTrip() time.Duration
}

// compressionPolicy decides which messages are compressed.
type compressionPolicy struct {
	mode Mode
	link Link
	now  func() time.Time

	mu       sync.Mutex
	begun    bool
	slow     bool
	measured time.Time
	bytes    int64
	waited   time.Duration
}

func newCompressionPolicy(mode Mode, link Link) *compressionPolicy {
	return &compressionPolicy{mode: mode, link: link, now: time.Now}
}

// compress reports whether a message with this data is sent compressed.
func (p *compressionPolicy) compress(data []byte) bool {
	switch {
	case len(data) == 0 || p.mode == Never:
		return false
	case p.mode == Always:
		return true
	}
	return len(data) >= minCompressed && p.linkIsSlow() && compressible(data)
}

// compressible reports whether a sample compresses well. It is taken from the middle: the beginning
// of a file is often unlike the rest.
func compressible(data []byte) bool {
	if len(data) > sample {
		start := (len(data) - sample) / 2
		data = data[start : start+sample]
	}
	return compress.Estimate(data) > minEstimate
}

// linkIsSlow reports whether the connection is slow, by a measurement every measureEvery. Before
// the first one, a connection to a far daemon counts as slow. The rate to a near daemon is that at
// which the connection accepts data, since such an upload may wait for the daemon's disk; the rate
// to a far one includes the time of waiting for the daemon's windows, which are smaller than what
// such a connection holds.
func (p *compressionPolicy) linkIsSlow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	isFar := p.link.RoundTrip() >= farRoundTrip
	if !p.begun {
		p.begun, p.slow, p.measured = true, isFar, now
		p.bytes, p.waited = p.link.Written()
		return p.slow
	}
	passed := now.Sub(p.measured)
	if passed < measureEvery {
		return p.slow
	}
	bytes, waited := p.link.Written()
	sent, took := bytes-p.bytes, waited-p.waited
	if isFar {
		took = passed
	}
	p.measured, p.bytes, p.waited = now, bytes, waited
	if sent >= measureBytes {
		p.slow = float64(sent) < slowLink*took.Seconds()
	}
	return p.slow
}

// Mode is when the upload is compressed.
type Mode string

// The modes of --compress.
const (
	Auto   Mode = "auto"   // when that makes the upload faster
	Always Mode = "always" // for every connection and all data
	Never  Mode = "never"
)

// Modes returns all modes, in the order of a help text.
func Modes() []string {
	return []string{string(Auto), string(Always), string(Never)}
}

// ParseMode parses the value of --compress; empty is Auto.
func ParseMode(value string) (Mode, error) {
	switch {
	case value == "":
		return Auto, nil
	case slices.Contains(Modes(), value):
		return Mode(value), nil
	}
	return "", fmt.Errorf("invalid mode; must be one of: %s", strings.Join(Modes(), ", "))
}
