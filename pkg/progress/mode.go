package progress

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/util/progress/progressui"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
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

// ParseMode parses the value of --progress, or of BUILDKIT_PROGRESS; quiet is the
// value of --quiet. The error is a *usage.Error.
func ParseMode(value string, quiet bool) (Mode, error) {
	mode := Mode(value)
	if mode == "" {
		mode = Auto
	}
	if !slices.Contains(modes(), mode) {
		return "", &usage.Error{What: "--progress", Value: value, Reason: "unknown mode", Next: "must be one of: " + strings.Join(Names(), ", ")}
	}
	if !quiet {
		return mode, nil
	}
	switch mode {
	case Auto, Quiet, None:
		return Quiet, nil
	}
	return "", &usage.Error{What: "--progress", Value: value, Reason: "it cannot be shown and quiet too", Next: "leave out --quiet or --progress"}
}

func modes() []Mode {
	return []Mode{Auto, TTY, Plain, RawJSON, Quiet, None}
}

// Names returns the modes, as the values of --progress.
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
