package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// tailBytes is how much of a log an error shows.
const tailBytes = 1500

// Wait calls ready every 100 ms until it succeeds. It gives up when the named process is gone or timeout is over, with
// the end of the process's log in the error.
func (t Table) Wait(ctx context.Context, name string, timeout time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		reason := ready(ctx)
		if reason == nil {
			return nil
		}
		// Only then look whether it lives: for a moment after it was started, a process does not show its mark yet.
		if sleep(ctx, 100*time.Millisecond) != nil {
			return t.explain(name, fmt.Sprintf("not ready (%v)", reason))
		}
		if !t.running(name) {
			return t.explain(name, "it ended")
		}
	}
}

func (t Table) running(name string) bool {
	processes, err := t.List()
	if err != nil {
		return false
	}
	for _, recorded := range processes {
		if recorded.Name == name {
			return t.Alive(recorded)
		}
	}
	return false
}

func (t Table) explain(name, reason string) error {
	return fmt.Errorf("waiting for %q: %s; the end of its log %s:\n%s", name, reason, t.Log(name), tail(t.Log(name)))
}

func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > tailBytes {
		if _, err := file.Seek(-tailBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return "    " + strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "\n    ")
}
