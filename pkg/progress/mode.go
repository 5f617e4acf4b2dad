package progress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/progress/progressui"
)

// Mode is how progress is shown.
type Mode string

// The modes of --progress. Quiet and none show nothing.
const (
	Auto    Mode = "auto" // tty on a terminal, else plain
	TTY     Mode = "tty"
	Plain   Mode = "plain"
	RawJSON Mode = "rawjson"
	Quiet   Mode = "quiet"
	None    Mode = "none"
)

// ModeError is a mode that does not exist, or does not go with --quiet.
type ModeError struct {
	Value string
	Quiet bool // --quiet was given too
}

func (e *ModeError) Error() string {
	if e.Quiet {
		return fmt.Sprintf("invalid --progress %q: it cannot be shown and quiet too; leave out --quiet or --progress", e.Value)
	}
	return fmt.Sprintf("invalid --progress %q: no such mode; use %s", e.Value, strings.Join(Names(), ", "))
}

// ParseMode reads the value of --progress, or of BUILDKIT_PROGRESS; quiet is the
// value of --quiet.
func ParseMode(value string, quiet bool) (Mode, error) {
	mode := Mode(value)
	if mode == "" {
		mode = Auto
	}
	if !slices.Contains(modes(), mode) {
		return "", &ModeError{Value: value}
	}
	if !quiet {
		return mode, nil
	}
	switch mode {
	case Auto, Quiet, None:
		return Quiet, nil
	}
	return "", &ModeError{Value: value, Quiet: true}
}

func modes() []Mode {
	return []Mode{Auto, TTY, Plain, RawJSON, Quiet, None}
}

// Names are the modes, as --progress takes them.
func Names() []string {
	var list []string
	for _, mode := range modes() {
		list = append(list, string(mode))
	}
	return list
}

func (m Mode) display() progressui.DisplayMode {
	if m == None {
		return progressui.QuietMode
	}
	return progressui.DisplayMode(m)
}
