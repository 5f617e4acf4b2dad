package cmd

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// The mode's setting, and the flag that is short for one of its values.
const (
	settingMode  = "mode"
	flagRootless = "rootless"
)

// modeOf reads --mode, and --rootless, which is short for one.
func (s *specFlags) modeOf(spec *builder.Spec) error {
	if s.flags.Changed(flagRootless) && s.flags.Changed(settingMode) && s.rootless != (s.mode == builder.ModeRootless) {
		return &usage.Error{What: "--mode", Value: s.mode, Reason: "--rootless is short for --mode rootless", Next: "leave one of the two out"}
	}
	spec.Mode = s.mode
	if s.rootless {
		spec.Mode = builder.ModeRootless
	}
	return nil
}

// changed are the names of the flags that were given.
func (s *specFlags) changed() []string {
	var names []string
	s.flags.Visit(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if s.rootless {
		names = append(names, settingMode)
	}
	return names
}

// taken is what a value of --unset takes back: a setting, which may be written as its flag, or one
// value of it.
func taken(text string) (setting, value string) {
	setting, value, _ = strings.Cut(text, "=")
	if setting = strings.TrimPrefix(setting, "--"); setting == flagRootless {
		return settingMode, builder.ModeRootless
	}
	return setting, value
}
