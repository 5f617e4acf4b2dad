package history

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
)

// Details are the properties of a build in its record.
type Details struct {
	Frontend     string            `json:"frontend"`
	Attributes   map[string]string `json:"attributes"` // of the frontend, without credentials in addresses
	Outputs      []Output          `json:"outputs"`
	Results      []Result          `json:"results"`
	Attestations []Result          `json:"attestations"`
	Response     map[string]string `json:"response"` // of the exporters, e.g. containerimage.digest
	Materials    []Material        `json:"materials"`
	Warnings     []report.Warning  `json:"warnings"`
	Failure      *BuildFailure     `json:"failure,omitempty"`
}

// Output is an exporter of the build.
type Output struct {
	Type       string            `json:"type"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Result is a result of the build: a manifest or an attestation.
type Result struct {
	Platform string `json:"platform,omitempty"`
	Type     string `json:"type"` // its media type, or the predicate type of an attestation
	Digest   string `json:"digest"`
	Size     int64  `json:"size"` // bytes
}

// Material is an input of the build: an image, a repository or a file.
type Material struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

// BuildFailure is the error of the build, its place in the Dockerfile, and the last lines of the
// step's log.
type BuildFailure struct {
	Message string          `json:"message"`
	Step    string          `json:"step,omitempty"`
	Sources []report.Source `json:"sources"`
	Log     []string        `json:"log,omitempty"`
}

// lastLines is the number of lines that are shown of a failed step's log.
const lastLines = 16

// Inspect returns the details of a record, without the warnings of a build that still runs.
// Credentials in addresses are masked.
func Inspect(ctx context.Context, c *client.Client, record Record) (*Details, error) {
	details, err := inspect(ctx, c, record)
	if err == nil {
		mask(reflect.ValueOf(details))
	}
	return details, err
}

func inspect(ctx context.Context, c *client.Client, record Record) (*Details, error) {
	entry := record.entry
	details := &Details{
		Frontend: entry.Frontend, Attributes: attributesOf(entry), Results: []Result{}, Attestations: []Result{}, Outputs: []Output{},
		Response: entry.ExporterResponse, Materials: []Material{}, Warnings: []report.Warning{},
	}
	for _, exporter := range entry.Exporters {
		details.Outputs = append(details.Outputs, Output{Type: exporter.Type, Attributes: exporter.Attrs})
	}
	for _, result := range entry.Result.GetResults() {
		details.Results = append(details.Results, Result{Type: result.MediaType, Digest: result.Digest, Size: result.Size})
	}
	results := resultsOf(entry)
	for _, platform := range slices.Sorted(maps.Keys(results)) {
		for _, statement := range results[platform].Attestations {
			kind := cmp.Or(statement.Annotations[predicateAnnotation], statement.MediaType)
			details.Attestations = append(details.Attestations, Result{Platform: platform, Type: kind, Digest: statement.Digest, Size: statement.Size})
		}
	}
	if record.Status == Running || record.Status == Waiting {
		return details, nil
	}
	build, err := Draw(ctx, c, record)
	if err != nil {
		return nil, err
	}
	details.Warnings = build.Warnings
	details.addFailure(build)
	return details, details.addMaterials(ctx, c, record.Ref)
}

func attributesOf(entry *controlapi.BuildHistoryRecord) map[string]string {
	attributes := map[string]string{}
	for name, value := range entry.FrontendAttrs {
		if name != "frontend.caps" {
			attributes[name] = withoutSecrets(withoutCredentials(value))
		}
	}
	return attributes
}

func (d *Details) addFailure(build report.Build) {
	if build.Failure == nil {
		return
	}
	d.Failure = &BuildFailure{Message: build.Failure.Message, Sources: build.Failure.Sources}
	if at := build.Failure.Step; at >= 0 {
		step := build.Steps[at]
		d.Failure.Step = step.Title()
		if text := strings.TrimRight(step.Log, "\n"); text != "" {
			lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\f' })
			d.Failure.Log = lines[max(0, len(lines)-lastLines):]
		}
	}
}

// addMaterials adds the materials from the provenance, which failed builds do not have.
func (d *Details) addMaterials(ctx context.Context, c *client.Client, ref string) error {
	provenance, err := Provenance(ctx, c, ref, false)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, platform := range slices.Sorted(maps.Keys(provenance)) {
		predicate := struct{ Materials []Material }{}
		if err := json.Unmarshal(provenance[platform], &predicate); err != nil {
			return err
		}
		for _, material := range predicate.Materials {
			if !seen[material.URI] {
				d.Materials = append(d.Materials, material)
			}
			seen[material.URI] = true
		}
	}
	return nil
}
