package escape

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// The maximum size of a color's parameters, and of the colors that are repeated on a new line, in
// bytes.
const (
	maxParameters = 64
	maxActive     = 256
)

// The controls that begin or end sequences, as characters.
const (
	bel = 0x07
	can = 0x18
	sub = 0x1a
	esc = 0x1b
	dcs = 0x90
	sos = 0x98
	csi = 0x9b
	st  = 0x9c
	osc = 0x9d
	pm  = 0x9e
	apc = 0x9f
)

// reset is the color sequence that resets all others.
const reset = "\x1b[0m"

// Log filters the output of a program for a terminal: it keeps text, line breaks, tabs, carriage
// returns and, with Colors, colors; it removes all other control functions, strings for the
// terminal (OSC, DCS, APC, PM, SOS) with their content up to the end of the line. Sequences may be
// split between calls. Each call's result and each line ends in the terminal's default colors, so
// that they do not affect what is printed afterwards.
type Log struct {
	Colors bool

	pending    []byte // the beginning of a character
	state      state
	parameters []byte // of the sequence that is being read
	foreign    bool   // the sequence is not a color
	active     []byte // the colors that the program has set
	applied    bool   // they are in force in the output
	out        bytes.Buffer
}

type state int

// The states between two characters.
const (
	inText      state = iota
	inEscape          // after ESC
	inCharset         // after ESC and an intermediate, e.g. ESC (
	inSequence        // after CSI
	inString          // after OSC and its like
	inStringEsc       // after ESC within one
)

// Filter returns the next bytes without what is removed.
func (l *Log) Filter(b []byte) []byte {
	l.out.Reset()
	whole := append(l.pending, b...)
	end := len(whole) - unfinishedRune(whole)
	l.pending = append([]byte(nil), whole[end:]...)
	for i := 0; i < end; {
		r, size := utf8.DecodeRune(whole[i:end])
		if r == utf8.RuneError && size <= 1 {
			l.invalid(whole[i])
		} else {
			l.next(r)
		}
		i += size
	}
	l.suspend()
	return []byte(MaskCredentials(l.out.String()))
}

// invalid handles a byte that is not UTF-8. Programs without UTF-8 write C1 controls as such bytes.
func (l *Log) invalid(b byte) {
	switch {
	case b >= deleteRune && b <= lastC1:
		l.next(rune(b))
	case l.state == inString || l.state == inStringEsc:
		l.state = inString
	default:
		l.state = inText
		l.apply()
		fmt.Fprintf(&l.out, `\x%02x`, b)
	}
}

func (l *Log) next(r rune) {
	switch {
	case r == '\n':
		l.state = inText
		l.suspend()
		l.out.WriteByte('\n')
	case l.state == inString || l.state == inStringEsc:
		l.skip(r)
	case r == esc:
		l.state = inEscape
	case r == csi:
		l.begin()
	case r == dcs, r == sos, r == osc, r == pm, r == apc:
		l.state = inString
	case l.state == inEscape:
		l.afterEscape(r)
	case l.state == inCharset && r >= ' ' && r <= '~':
		if r > '/' {
			l.state = inText
		}
	case l.state == inSequence:
		l.sequence(r)
	default:
		l.text(r)
	}
}

// skip skips a character of a string for the terminal.
func (l *Log) skip(r rune) {
	switch {
	case r == bel, r == can, r == sub, r == st, l.state == inStringEsc && r == '\\':
		l.state = inText
	case r == esc:
		l.state = inStringEsc
	case l.state == inStringEsc: // the string was aborted
		l.afterEscape(r)
	}
}

func (l *Log) afterEscape(r rune) {
	switch {
	case r == '[':
		l.begin()
	case r == ']', r == 'P', r == '_', r == '^', r == 'X', r == 'k':
		l.state = inString
	case r >= ' ' && r <= '/':
		l.state = inCharset
	case r > '/' && r <= '~':
		l.state = inText
	default:
		l.text(r)
	}
}

// begin begins a sequence.
func (l *Log) begin() {
	l.state, l.parameters, l.foreign = inSequence, l.parameters[:0], false
}

func (l *Log) sequence(r rune) {
	switch {
	case r >= '0' && r <= ';' && len(l.parameters) < maxParameters:
		l.parameters = append(l.parameters, byte(r))
	case r >= ' ' && r <= '?':
		l.foreign = true
	case r >= '@' && r <= '~':
		l.state = inText
		if r == 'm' && !l.foreign && l.Colors {
			l.color()
		}
	default:
		l.text(r)
	}
}

// color stores the colors that the program has set. They are written when text follows.
func (l *Log) color() {
	sequence := "\x1b[" + string(l.parameters) + "m"
	if len(bytes.Trim(l.parameters, "0;")) == 0 {
		l.suspend()
		l.active = l.active[:0]
		return
	}
	if len(l.active)+len(sequence) > maxActive {
		l.suspend()
		l.active = l.active[:0]
	}
	l.active = append(l.active, sequence...)
	if l.applied {
		l.out.WriteString(sequence)
	}
}

// apply writes the program's colors again.
func (l *Log) apply() {
	if !l.applied && len(l.active) > 0 {
		l.out.Write(l.active)
		l.applied = true
	}
}

// suspend resets the colors until text follows.
func (l *Log) suspend() {
	if l.applied {
		l.out.WriteString(reset)
		l.applied = false
	}
}

// text writes a character that belongs to no sequence.
func (l *Log) text(r rune) {
	l.state = inText
	switch {
	case r == '\t', r == '\r':
		l.out.WriteRune(r)
	case r < ' ', r >= deleteRune && r <= lastC1:
	case isHarmful(r):
		l.apply()
		l.out.WriteString(shown(r))
	default:
		l.apply()
		l.out.WriteRune(r)
	}
}
