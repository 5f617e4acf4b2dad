package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	repository = "https://github.com/kubectl-buildkit/kubectl-buildkit"
	// buildType names the section of README.md that says what the parameters mean and how the build is repeated.
	buildType = repository + "/blob/main/hack/release/README.md#build-type-1"
)

// statement is an in-toto statement (v1) with SLSA's provenance (v1) as its predicate.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     provenance `json:"predicate"`
}

// resource is an artifact: what was made, or what it was made from.
type resource struct {
	Name      string            `json:"name,omitempty"`
	URI       string            `json:"uri,omitempty"`
	Digest    map[string]string `json:"digest,omitempty"`
	MediaType string            `json:"mediaType,omitempty"`
}

type provenance struct {
	Definition buildDefinition `json:"buildDefinition"`
	Run        runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType    string             `json:"buildType"`
	External     externalParameters `json:"externalParameters"`
	Internal     internalParameters `json:"internalParameters"`
	Dependencies []resource         `json:"resolvedDependencies"`
}

// externalParameters are what the maintainer who makes the release chooses.
type externalParameters struct {
	Source   string `json:"source"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
}

// internalParameters are what this program sets, always the same.
type internalParameters struct {
	Command     []string `json:"command"`
	Environment []string `json:"environment"`
}

type runDetails struct {
	Builder    builder    `json:"builder"`
	ByProducts []resource `json:"byproducts"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

// writeProvenance writes of what the archive was made, and how. The times, the machine and the invocation that the format
// permits are left out: the statement is as reproducible as the archive, so that a second builder confirms both.
func writeProvenance(src source, p platform, executable string, sums checksums, out, name string) error {
	info, err := buildinfo.ReadFile(executable)
	if err != nil {
		return fmt.Errorf("reading what was built: %w", err)
	}
	made, err := newStatement(src, p, info, sums)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the provenance: %w", err)
	}
	return os.WriteFile(filepath.Join(out, name), append(text, '\n'), 0o644)
}

func newStatement(src source, p platform, info *buildinfo.BuildInfo, sums checksums) (statement, error) {
	archive, bill := p.archive(src.version), p.bill(src.version)
	location := "git+" + repository + "@refs/tags/" + src.version
	dependencies := []resource{
		{URI: location, Digest: map[string]string{"gitCommit": src.commit}},
		{URI: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")},
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		digest, err := directoryHash(module.Sum)
		if err != nil {
			return statement{}, fmt.Errorf("reading the checksum of module %q: %w", module.Path, err)
		}
		dependencies = append(dependencies, resource{URI: "pkg:golang/" + module.Path + "@" + module.Version, Digest: digest})
	}
	return statement{
		Type:          "https://in-toto.io/Statement/v1",
		Subject:       []resource{{Name: archive, Digest: map[string]string{"sha256": sums[archive]}}},
		PredicateType: "https://slsa.dev/provenance/v1",
		Predicate: provenance{
			Definition: buildDefinition{
				BuildType:    buildType,
				External:     externalParameters{Source: location, Version: src.version, Platform: p.String()},
				Internal:     internalParameters{Command: append([]string{"go"}, compileArguments()...), Environment: p.environment(src.toolchain)},
				Dependencies: dependencies,
			},
			Run: runDetails{
				Builder: builder{ID: repository + "/tree/" + src.commit + "/hack/release", Version: map[string]string{"go": info.GoVersion}},
				ByProducts: []resource{
					{Name: bill, Digest: map[string]string{"sha256": sums[bill]}, MediaType: "application/vnd.cyclonedx+json"},
				},
			},
		},
	}, nil
}

// directoryHash is a checksum of go.sum ("h1:" and base64) as in-toto writes it.
func directoryHash(sum string) (map[string]string, error) {
	encoded, found := strings.CutPrefix(sum, "h1:")
	if !found {
		return nil, fmt.Errorf("%q does not begin with h1", sum)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	return map[string]string{"dirHash": hex.EncodeToString(raw)}, nil
}
