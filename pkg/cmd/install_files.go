package cmd

import (
	"errors"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// maxConfigFile bounds, in bytes, the files that a builder or a login is configured by. Objects of
// a cluster hold less.
const maxConfigFile = 1 << 20

// file is a flag that names a file.
type file struct {
	flag, path string
	field      string // What of a *usage.Error about the contents
	into       func(*builder.Spec) *[]byte
}

func (s *specFlags) fileFlags() []file {
	return []file{
		{"--config", s.configFile, builder.FieldConfig, func(spec *builder.Spec) *[]byte { return &spec.Config }},
		{"--registry-ca", s.registryCA, builder.FieldRegistryCA, func(spec *builder.Spec) *[]byte { return &spec.RegistryCA }},
		{"--affinity", s.affinityFile, builder.FieldAffinity, func(spec *builder.Spec) *[]byte { return &spec.Affinity }},
		{"--patch", s.patchFile, builder.FieldPatch, func(spec *builder.Spec) *[]byte { return &spec.Patch }},
	}
}

func (s *specFlags) files(spec *builder.Spec) error {
	for _, file := range s.fileFlags() {
		if file.path == "" {
			continue
		}
		raw, err := safefile.Read(userPath(file.path), maxConfigFile)
		if err != nil {
			return unreadable(file.flag, file.path, err)
		}
		if len(raw) == 0 {
			return &usage.Error{What: file.flag, Value: file.path, Reason: "the file is empty", Next: "name the file that has the setting, or leave " + file.flag + " out"}
		}
		*file.into(spec) = raw
	}
	return nil
}

// inFile says of a fault in the contents of a file which file that is.
func (s *specFlags) inFile(err error) error {
	var invalid *usage.Error
	if !errors.As(err, &invalid) {
		return err
	}
	for _, file := range s.fileFlags() {
		if file.path != "" && invalid.What == file.field {
			reason := strings.TrimPrefix(invalid.Value+": "+invalid.Reason, ": ")
			return &usage.Error{What: file.flag, Value: file.path, Reason: reason, Next: invalid.Next}
		}
	}
	return err
}
