package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

// skewNoticed is the difference between two clocks from which on it is worth correcting: the API
// server's is known to the second, and network delay is part of what is measured.
const skewNoticed = time.Minute

// clock measures how far this machine's clock is from the API server's, by the Date of its answers.
type clock struct{ ahead atomic.Int64 }

// Now returns the time by the API server's clock, as far as it has answered yet: certificates are
// issued and checked by that one, so that a wrong clock of a machine that builds does no harm.
func (c *Client) Now() time.Time { return c.now().Add(-c.Skew()) }

// Skew returns how far this machine's clock is ahead of the API server's; negative if it is behind,
// 0 if they agree or the server has not answered.
func (c *Client) Skew() time.Duration { return time.Duration(c.clock.ahead.Load()) }

// measured is a round tripper that reads the clock of the peer that answers.
type measured struct {
	http.RoundTripper
	clock *clock
	now   func() time.Time
}

func (m *measured) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := m.RoundTripper.RoundTrip(r)
	if err != nil {
		return response, err
	}
	date, parseErr := http.ParseTime(response.Header.Get("Date"))
	if parseErr != nil {
		return response, err
	}
	ahead := m.now().Sub(date)
	if ahead.Abs() < skewNoticed {
		ahead = 0
	}
	m.clock.ahead.Store(int64(ahead))
	return response, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (m *measured) WrappedRoundTripper() http.RoundTripper { return m.RoundTripper }
