package cmd

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const flagEphemeralSet = "--ephemeral-set"

// own is the builder that is made for this build; nil if it builds on an installed one. Its
// settings are read as the flags of install are.
func (o *buildOptions) own() (*driver.Ephemeral, error) {
	switch {
	case !o.ephemeral && len(o.settings) > 0:
		return nil, &usage.Error{What: flagEphemeralSet, Value: o.settings[0], Reason: "it is for a builder that is made for this build", Next: "add --ephemeral"}
	case !o.ephemeral:
		return nil, nil
	case o.connect.member != "":
		return nil, &usage.Error{What: "--member", Value: o.connect.member, Reason: "a builder for one build has one member", Next: "leave it out"}
	case o.connect.adopt:
		return nil, &usage.Error{What: "--adopt", Reason: "a builder for one build has certificates", Next: "leave it out"}
	}
	spec := &specFlags{}
	flags := pflag.NewFlagSet("ephemeral", pflag.ContinueOnError)
	spec.register(flags)
	allowed := slices.DeleteFunc(builder.SettingNames(), func(name string) bool { return slices.Contains(builder.NotEphemeral(), name) })
	for _, text := range o.settings {
		name, value := taken(text)
		if !slices.Contains(allowed, name) {
			return nil, &usage.Error{What: flagEphemeralSet, Value: name, Reason: "invalid setting", Next: "must be one of: " + strings.Join(allowed, ", ")}
		}
		if value == "" {
			value = flags.Lookup(name).NoOptDefVal
		}
		err := errors.New("it has no value")
		switch {
		case name == settingMode && value == builder.ModeAuto:
			err = errors.New("must be one of: " + strings.Join(builder.Modes(), ", "))
		case value != "":
			err = flags.Set(name, value)
		}
		if err != nil {
			return nil, &usage.Error{What: flagEphemeralSet, Value: text, Reason: err.Error(), Next: "write what --" + name + " of kubectl buildkit install takes"}
		}
	}
	edit, err := spec.edit()
	return &driver.Ephemeral{Named: o.connect.named, Edit: edit}, err
}
