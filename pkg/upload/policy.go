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
	// slowLink is the rate, in bytes a second, below which compressing is faster than sending: a core compresses two
	// to four times as much.
	slowLink = 32 << 20
	// far is the round trip from which on the link is not of this machine or this room.
	far = 15 * time.Millisecond
	// lookEvery is how often the link is looked at: long enough for the windows of several HTTP/2 round trips.
	lookEvery = 200 * time.Millisecond
	// lookBytes is how much must have gone out to tell anything.
	lookBytes = 128 << 10
	// worthwhile is the length, in bytes, of the shortest message to compress.
	worthwhile = 256
	// sample is how many bytes of a message are looked at, and shrinks the estimate for data that gets smaller.
	sample  = 4 << 10
	shrinks = 0.1
)

// Link is what a connection knows of itself.
type Link interface {
	// Written is how many bytes have gone out, and how long that has kept the writer waiting.
	Written() (bytes int64, waited time.Duration)
	// RoundTrip is how long the other side takes to answer; 0 if that is not known yet.
	RoundTrip() time.Duration
}

// compressionPolicy decides which messages are compressed.
type compressionPolicy struct {
	mode Mode
	link Link
	now  func() time.Time

	mu     sync.Mutex
	begun  bool
	slow   bool
	looked time.Time
	bytes  int64
	waited time.Duration
}

func newCompressionPolicy(mode Mode, link Link) *compressionPolicy {
	return &compressionPolicy{mode: mode, link: link, now: time.Now}
}

// compress says whether a message with this data is sent compressed.
func (j *compressionPolicy) compress(data []byte) bool {
	switch {
	case len(data) == 0 || j.mode == Never:
		return false
	case j.mode == Always:
		return true
	}
	return len(data) >= worthwhile && j.linkIsSlow() && compressible(data)
}

// compressible looks at the middle: the beginning of a file is often unlike the rest.
func compressible(data []byte) bool {
	if len(data) > sample {
		start := (len(data) - sample) / 2
		data = data[start : start+sample]
	}
	return compress.Estimate(data) > shrinks
}

// linkIsSlow looks at the link from time to time. Before anything is known, a far link counts as slow. The rate of a
// near link is that at which it takes what is written, since an upload to a near daemon may well wait for the
// daemon's disk; the rate of a far one counts the waiting for the daemon's windows too, which are smaller than what
// such a link holds.
func (j *compressionPolicy) linkIsSlow() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	isFar := j.link.RoundTrip() >= far
	if !j.begun {
		j.begun, j.slow, j.looked = true, isFar, now
		j.bytes, j.waited = j.link.Written()
		return j.slow
	}
	passed := now.Sub(j.looked)
	if passed < lookEvery {
		return j.slow
	}
	bytes, waited := j.link.Written()
	sent, took := bytes-j.bytes, waited-j.waited
	if isFar {
		took = passed
	}
	j.looked, j.bytes, j.waited = now, bytes, waited
	if sent >= lookBytes {
		j.slow = float64(sent) < slowLink*took.Seconds()
	}
	return j.slow
}

// Mode says when the upload is compressed.
type Mode string

// The modes of --compress.
const (
	Auto   Mode = "auto"   // where it makes the upload faster
	Always Mode = "always" // whatever the link and the data are like
	Never  Mode = "never"
)

// Modes are all there are, in the order of a help text.
func Modes() []string {
	return []string{string(Auto), string(Always), string(Never)}
}

// ParseMode reads the value of --compress; empty is Auto.
func ParseMode(value string) (Mode, error) {
	switch {
	case value == "":
		return Auto, nil
	case slices.Contains(Modes(), value):
		return Mode(value), nil
	}
	return "", fmt.Errorf("no such mode; use %s", strings.Join(Modes(), ", "))
}
