package report

import (
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// The bytes of a step's log that a page contains: the first ones, and the last
// ones, which have the reason of a failure. BuildKit truncates a log at 2 MiB.
const (
	logHead = 64 << 10
	logTail = 192 << 10
)

// logLimit is the maximum size of all logs of a page, in bytes; above it, each is
// truncated to its share. A recorder keeps at most twice as much.
const logLimit = 24 << 20

// logBuffer keeps the beginning and the end of what is written.
type logBuffer struct {
	head, tail []byte
	lost       int
}

func (b *logBuffer) write(text []byte) {
	if room := logHead - len(b.head); room > 0 && len(b.tail) == 0 && b.lost == 0 {
		n := min(room, len(text))
		b.head = append(b.head, text[:n]...)
		text = text[n:]
	}
	b.tail = append(b.tail, text...)
	if len(b.tail) > 2*logTail { // rarely, since copying at every write is slow
		b.trim(logTail)
	}
}

func (b *logBuffer) trim(limit int) {
	if over := len(b.tail) - limit; over > 0 {
		b.lost += over
		b.tail = append([]byte(nil), b.tail[over:]...)
	}
}

// share truncates the log to limit bytes.
func (b *logBuffer) share(limit int) {
	if over := len(b.head) - limit/4; over > 0 {
		b.lost += over
		b.head = append([]byte(nil), b.head[:limit/4]...)
	}
	b.trim(limit * 3 / 4)
}

func (b *logBuffer) len() int { return len(b.head) + len(b.tail) }

// text returns the readable log, and the number of bytes that are missing between
// its two parts, which a form feed separates then.
func (b *logBuffer) text() (text string, lost int) {
	b.trim(logTail)
	if b.lost == 0 {
		return readable(string(b.head) + string(b.tail)), 0
	}
	return readable(string(b.head)) + "\f" + readable(string(b.tail)), b.lost
}

// readable removes colors, cursor movements, and all but the last state of a line
// that was overwritten, e.g. a progress bar.
func readable(text string) string {
	text = string((&escape.Log{}).Filter([]byte(text)))
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if !strings.ContainsRune(text, '\r') {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return strings.Join(lines, "\n")
}
