package cluster

import (
	"context"
	"strings"
)

// lastLogLines is how much of a dead daemon's log is shown.
const lastLogLines = 10

// LastLines are the last telling lines of the daemon that ended, or else of the one that runs. The
// kubelet may start the next one between two questions: what the former one printed is then asked
// for once more.
func (c *Client) LastLines(ctx context.Context, pod, container string) []string {
	if lines := c.tellingLines(ctx, pod, container, true); len(lines) > 0 {
		return lines
	}
	current := c.tellingLines(ctx, pod, container, false)
	if lines := c.tellingLines(ctx, pod, container, true); len(lines) > 0 {
		return lines
	}
	return current
}

// tellingLines reads few lines unless they are all of one stack: a runtime that gives up prints
// those of every goroutine, after the reason.
func (c *Client) tellingLines(ctx context.Context, pod, container string, previous bool) []string {
	for _, read := range []int64{200, 5000} {
		text, err := c.ContainerLog(ctx, pod, container, previous, read)
		if err != nil {
			return nil
		}
		if lines := telling(string(text)); len(lines) > 0 {
			return lines
		}
	}
	return nil
}

// telling keeps the last lines that are not part of a Go stack: the daemon prints one after every
// error, its runtime a longer one when it crashes, and what comes before is what matters.
func telling(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var kept []string
	for i, line := range lines {
		// A frame is two lines: a function, and an indented place in a file.
		frame := place(line) || i+1 < len(lines) && place(lines[i+1])
		if !frame && !dumped(line) && strings.TrimSpace(line) != "" {
			kept = append(kept, line)
		}
	}
	return kept[max(0, len(kept)-lastLogLines):]
}

// place is true of the second line of a frame; a panic during another one is indented, too.
func place(line string) bool {
	return strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "\tpanic: ")
}

// dumped is true of the lines that Go's runtime puts around stacks: a goroutine's title, the frames
// it left out, and the processor's registers, each a short name and a number.
// (runtime/traceback.go, runtime/signal_*.go)
func dumped(line string) bool {
	if strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:") ||
		strings.HasPrefix(line, "...") && strings.HasSuffix(line, "frames elided...") ||
		strings.HasPrefix(line, "PC=0x") {
		return true
	}
	words := strings.Fields(line)
	return len(words) == 2 && len(words[0]) <= len("rflags") && strings.HasPrefix(words[1], "0x")
}
