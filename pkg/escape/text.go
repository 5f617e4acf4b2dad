package escape

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The characters from which C1 controls and Unicode's own line breaks and directional overrides are
// made.
const (
	deleteRune         = 0x7f
	lastC1             = 0x9f
	lineSeparator      = 0x2028
	paragraphSeparator = 0x2029
	firstOverride      = 0x202a
	lastOverride       = 0x202e
	firstIsolate       = 0x2066
	lastIsolate        = 0x2069
)

// Line returns text that takes one line and controls no terminal: controls, line breaks, tabs,
// directional overrides and invalid UTF-8 are shown as in a Go string. Credentials in URLs are
// masked.
func Line(text string) string {
	return escaped(MaskCredentials(text), false)
}

// Text is Line for text of several lines: line breaks and tabs stay.
func Text(text string) string {
	return escaped(MaskCredentials(text), true)
}

// Indented is Text whose lines after the first begin with indent, so that none of them looks like a
// line of another kind.
func Indented(text, indent string) string {
	return strings.ReplaceAll(strings.TrimRight(Text(text), "\n"), "\n", "\n"+indent)
}

// Bounded returns the text, or its beginning and end if it is longer than the limit, in bytes: what
// another party sends may fill a terminal or a log.
func Bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	half := limit / 2
	return fmt.Sprintf("%s … (%d bytes left out) … %s", strings.ToValidUTF8(text[:half], ""), len(text)-2*half, strings.ToValidUTF8(text[len(text)-half:], ""))
}

// escaped shows what is harmful. Where lines are kept, CR LF is a line break.
func escaped(text string, lines bool) string {
	if !strings.ContainsFunc(text, isHarmful) && !strings.ContainsAny(text, "\n\t") && utf8.ValidString(text) {
		return text
	}
	if lines {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case lines && (r == '\n' || r == '\t'):
			out.WriteRune(r)
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case isHarmful(r) || r == '\n' || r == '\t':
			out.WriteString(shown(r))
		default:
			out.WriteString(text[i : i+size])
		}
		i += size
	}
	return out.String()
}

// isHarmful reports whether a terminal does anything but display the character. The caller handles
// line breaks and tabs.
func isHarmful(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r < ' ', r >= deleteRune && r <= lastC1:
		return true
	}
	return r == lineSeparator || r == paragraphSeparator ||
		r >= firstOverride && r <= lastOverride || r >= firstIsolate && r <= lastIsolate
}

// shown returns the character in the notation that Go, JSON and YAML share.
func shown(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	if r < ' ' {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
