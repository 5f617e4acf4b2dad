package request

import "io"

// toStdout hands out standard output, and does not close it.
func toStdout(stdout io.Writer) func(map[string]string) (io.WriteCloser, error) {
	return func(map[string]string) (io.WriteCloser, error) {
		return openWriter{stdout}, nil
	}
}

type openWriter struct{ io.Writer }

func (openWriter) Close() error { return nil }
