package solve

import (
	"io"

	"github.com/moby/buildkit/solver/errdefs"
)

// PrintSources writes the lines of the Dockerfile that err is about, if it is
// about any.
func PrintSources(w io.Writer, err error) error {
	for _, source := range errdefs.Sources(err) {
		if err := source.Print(w); err != nil {
			return err
		}
	}
	return nil
}
