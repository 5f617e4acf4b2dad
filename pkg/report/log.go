package report

import (
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// How much of a step's log a page keeps: its first bytes, and its last, which say
// why it failed. BuildKit itself clips a step's log at 2 MiB.
const (
	logHead = 64 << 10
	logTail = 192 << 10
)

// logLimit is how much all logs of a page may take; above it, each is cut to its
// share. A recorder keeps no more than twice that.
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
	if len(b.tail) > 2*logTail { // not at every write
		b.trim(logTail)
	}
}

func (b *logBuffer) trim(limit int) {
	if over := len(b.tail) - limit; over > 0 {
		b.lost += over
		b.tail = append([]byte(nil), b.tail[over:]...)
	}
}

// share cuts the log to limit bytes.
func (b *logBuffer) share(limit int) {
	if over := len(b.head) - limit/4; over > 0 {
		b.lost += over
		b.head = append([]byte(nil), b.head[:limit/4]...)
	}
	b.trim(limit * 3 / 4)
}

func (b *logBuffer) len() int { return len(b.head) + len(b.tail) }

// text is the log as a person reads it, and how many bytes are missing between
// its two parts, which a form feed separates then.
func (b *logBuffer) text() (text string, lost int) {
	b.trim(logTail)
	if b.lost == 0 {
		return readable(string(b.head) + string(b.tail)), 0
	}
	return readable(string(b.head)) + "\f" + readable(string(b.tail)), b.lost
}

// readable leaves out colors and cursor movements, and of a line that was
// written again and again, like a progress bar, all but the last state.
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
