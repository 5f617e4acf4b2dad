package result

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// WriteMetadata writes the metadata as JSON, with the keys of docker's metadata
// file, and RefKey.
func (r *Result) WriteMetadata(ctx context.Context, target *safefile.Target) error {
	text, err := json.MarshalIndent(r.metadata(), "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the metadata: %w", err)
	}
	if err := target.Write(ctx, text); err != nil {
		return fmt.Errorf("writing the metadata file: %w", err)
	}
	return nil
}

// WriteImageID writes the image's ID, without a newline.
func (r *Result) WriteImageID(ctx context.Context, target *safefile.Target) error {
	if err := target.Write(ctx, []byte(r.ImageID())); err != nil {
		return fmt.Errorf("writing the image ID file: %w", err)
	}
	return nil
}

func (r *Result) metadata() map[string]any {
	out := map[string]any{}
	for key, value := range r.response {
		out[key] = decode(key, value)
	}
	maps.Copy(out, r.refs())
	maps.Copy(out, r.refsOfParts())
	if len(r.warnings) > 0 {
		out[WarningsKey] = r.warnings
	}
	for platform, predicate := range r.provenance {
		key := ProvenanceKey
		if platform != "" {
			key += "/" + platform
		}
		out[key] = predicate
	}
	return out
}

// WriteRef writes a build's reference, without a newline.
func WriteRef(ctx context.Context, target *safefile.Target, ref string) error {
	if err := target.Write(ctx, []byte(ref)); err != nil {
		return fmt.Errorf("writing the reference file: %w", err)
	}
	return nil
}

// decode returns the JSON of values that are JSON in base64. One value is not
// encoded.
func decode(key, value string) any {
	text := []byte(value)
	if key != answerJSON {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return value
		}
		text = decoded
	}
	var object map[string]any
	if json.Unmarshal(text, &object) == nil && len(object) > 0 {
		return json.RawMessage(text)
	}
	var list []map[string]any
	if json.Unmarshal(text, &list) == nil && len(list) > 0 {
		return json.RawMessage(text)
	}
	return value
}

func firstOf(names string) string {
	first, _, _ := strings.Cut(names, ",")
	return first
}
