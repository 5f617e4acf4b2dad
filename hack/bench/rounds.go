package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// printRounds builds once over the slow link, everything cached, and prints when bytes went which way: a line for each
// burst of one connection. Between a burst up and the next one down lies a round trip. What each is for: README.md.
func printRounds(ctx context.Context, w *workshop, out io.Writer) error {
	contenders, err := cached(ctx, w)
	if err != nil {
		return err
	}
	mine := contenders[0]
	for range 2 {
		if _, err := w.turn(ctx, link.Shape{}, mine); err != nil {
			return err
		}
	}
	var mutex sync.Mutex
	var bursts []link.Event
	w.link.Trace(func(event link.Event) {
		mutex.Lock()
		defer mutex.Unlock()
		for i := len(bursts) - 1; i >= 0; i-- {
			if last := &bursts[i]; last.Connection == event.Connection {
				if last.Direction == event.Direction && event.At-last.At < slow().RoundTrip/4 {
					last.Bytes += event.Bytes
					return
				}
				break
			}
		}
		bursts = append(bursts, event)
	})
	took, err := w.turn(ctx, slow(), mine)
	if err != nil {
		return err
	}
	mutex.Lock()
	defer mutex.Unlock()
	fmt.Fprintf(out, "cached build with push over %v: %.3fs, %.1f round trips\n", slow().RoundTrip, took.wall.Seconds(),
		float64(took.wall)/float64(slow().RoundTrip))
	for _, burst := range bursts {
		fmt.Fprintf(out, "%6d ms  connection %d  %-4s %6d bytes\n",
			(burst.At - bursts[0].At).Round(time.Millisecond).Milliseconds(), burst.Connection, burst.Direction, burst.Bytes)
	}
	return nil
}
