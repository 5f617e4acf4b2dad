package progress

import (
	"fmt"
	"io"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// PrintWarnings writes a line for each warning, with its place in the Dockerfile
// and the page that explains it, or the details without such a page.
func PrintWarnings(w io.Writer, warnings []client.VertexWarning) error {
	for _, warning := range warnings {
		text := string(warning.Short)
		if place, line := placeOf(warning); place != "" {
			text = strings.TrimSuffix(text, fmt.Sprintf(" (line %d)", line)) + " (" + place + ")"
		}
		if warning.URL != "" {
			text += ", see " + warning.URL
		}
		if _, err := escape.Fprintf(w, "warning: %s\n", text); err != nil {
			return err
		}
		if warning.URL != "" {
			continue
		}
		for _, detail := range warning.Detail {
			if _, err := escape.Fprintf(w, "  %s\n", detail); err != nil {
				return err
			}
		}
	}
	return nil
}

// placeOf returns the file and the line of a warning; the line is 0 if it is not known.
func placeOf(warning client.VertexWarning) (place string, line int32) {
	if warning.SourceInfo == nil || warning.SourceInfo.Filename == "" {
		return "", 0
	}
	if len(warning.Range) == 0 || warning.Range[0].Start == nil {
		return warning.SourceInfo.Filename, 0
	}
	line = warning.Range[0].Start.Line
	return fmt.Sprintf("%s:%d", warning.SourceInfo.Filename, line), line
}
