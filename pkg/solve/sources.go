package solve

import (
	"io"

	"github.com/moby/buildkit/solver/errdefs"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// PrintSources writes the lines of the Dockerfile that err is about, if there are
// any. They have several lines, for a writer that escapes them.
func PrintSources(w io.Writer, err error) error {
	for _, source := range errdefs.Sources(err) {
		if source.Info != nil {
			source.Info = source.Info.CloneVT()
			source.Info.Filename = escape.Line(source.Info.Filename)
		}
		if err := source.Print(w); err != nil {
			return err
		}
	}
	return nil
}
