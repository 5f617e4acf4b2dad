package progress

import (
	"fmt"
	"io"

	"github.com/moby/buildkit/client"
)

// PrintWarnings writes a line for each warning, with its place in the Dockerfile
// and the page that explains it, or without such a page what there is to say.
func PrintWarnings(w io.Writer, warnings []client.VertexWarning) error {
	for _, warning := range warnings {
		line := "warning: " + string(warning.Short)
		if place := placeOf(warning); place != "" {
			line += " (" + place + ")"
		}
		if warning.URL != "" {
			line += ", see " + warning.URL
		} else {
			for _, detail := range warning.Detail {
				line += "\n  " + string(detail)
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func placeOf(warning client.VertexWarning) string {
	if warning.SourceInfo == nil || warning.SourceInfo.Filename == "" {
		return ""
	}
	if len(warning.Range) == 0 || warning.Range[0].Start == nil {
		return warning.SourceInfo.Filename
	}
	return fmt.Sprintf("%s:%d", warning.SourceInfo.Filename, warning.Range[0].Start.Line)
}
