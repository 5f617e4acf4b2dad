package upload

import (
	"testing"
	"time"
)

// fakeLink is a link that a test moves by hand.
type fakeLink struct {
	bytes     int64
	waited    time.Duration
	roundTrip time.Duration
}

func (l *fakeLink) Written() (int64, time.Duration) { return l.bytes, l.waited }
func (l *fakeLink) RoundTrip() time.Duration        { return l.roundTrip }

func TestJudge(t *testing.T) {
	const megabyte = 1 << 20
	for name, test := range map[string]struct {
		mode          Mode
		roundTrip     time.Duration
		bytes         int64 // that go out in a second
		waited        time.Duration
		data          []byte
		first, second bool // before, and after that second
	}{
		"near, fast":                     {Auto, time.Millisecond, 60 * megabyte, time.Second, text(32 << 10), false, false},
		"near, slow":                     {Auto, time.Millisecond, 6 * megabyte, time.Second, text(32 << 10), false, true},
		"near, the daemon is slow":       {Auto, time.Millisecond, 6 * megabyte, 50 * time.Millisecond, text(32 << 10), false, false},
		"near, nothing goes out":         {Auto, time.Millisecond, 1000, time.Second, text(32 << 10), false, false},
		"far, slow":                      {Auto, 80 * time.Millisecond, 6 * megabyte, time.Second, text(32 << 10), true, true},
		"far, the windows are small":     {Auto, 80 * time.Millisecond, 6 * megabyte, 0, text(32 << 10), true, true},
		"far, fast":                      {Auto, 80 * time.Millisecond, 100 * megabyte, time.Second, text(32 << 10), true, false},
		"far, nothing goes out":          {Auto, 80 * time.Millisecond, 1000, 0, text(32 << 10), true, true},
		"far, noise":                     {Auto, 80 * time.Millisecond, 6 * megabyte, time.Second, noise(32 << 10), false, false},
		"far, noise after a clear start": {Auto, 80 * time.Millisecond, 6 * megabyte, time.Second, append(text(8<<10), noise(24<<10)...), false, false},
		"far, few bytes":                 {Auto, 80 * time.Millisecond, 6 * megabyte, time.Second, text(100), false, false},
		"far, no data":                   {Auto, 80 * time.Millisecond, 6 * megabyte, time.Second, nil, false, false},
		"always":                         {Always, time.Millisecond, 60 * megabyte, 0, noise(10), true, true},
		"always, no data":                {Always, time.Millisecond, 60 * megabyte, 0, nil, false, false},
		"never":                          {Never, 80 * time.Millisecond, megabyte, time.Second, text(32 << 10), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			link, now := &fakeLink{roundTrip: test.roundTrip}, time.Unix(0, 0)
			j := newCompressionPolicy(test.mode, link)
			j.now = func() time.Time { return now }
			if got := j.compress(test.data); got != test.first {
				t.Errorf("at first: got %v", got)
			}
			link.bytes, link.waited, now = test.bytes, test.waited, now.Add(time.Second)
			if got := j.compress(test.data); got != test.second {
				t.Errorf("after a second: got %v", got)
			}
		})
	}
}

func TestParseMode(t *testing.T) {
	for value, want := range map[string]Mode{"": Auto, "auto": Auto, "always": Always, "never": Never} {
		if got, err := ParseMode(value); err != nil || got != want {
			t.Errorf("%q: got %q, %v", value, got, err)
		}
	}
	if _, err := ParseMode("gzip"); err == nil {
		t.Error("gzip is not a mode")
	}
}
