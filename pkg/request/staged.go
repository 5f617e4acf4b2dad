package request

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// stagedFile is an output file that is written beside its place and takes its
// name only when the build has succeeded: a broken build leaves no half file,
// and no file that was there is lost.
type stagedFile struct {
	path string // absolute

	mu        sync.Mutex
	target    string // path, or what it links to
	temporary string
	file      *os.File
	discarded bool
}

// open is called when the daemon begins to send, which in a build that fails it
// never does.
func (s *stagedFile) open(map[string]string) (io.WriteCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.discarded {
		return nil, errors.New("the build has ended")
	}
	if isDevice(s.path) {
		return os.OpenFile(s.path, os.O_WRONLY, 0) // a device or a pipe: nothing to rename
	}
	s.target = realPath(s.path)
	dir := filepath.Dir(s.target)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s.temporary = filepath.Join(dir, "."+filepath.Base(s.target)+"."+rand.Text()[:8]+".part")
	file, err := os.OpenFile(s.temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		s.temporary = ""
		return nil, err
	}
	s.file = file
	return file, nil
}

// isDevice says that what is there takes bytes, but cannot be replaced.
func isDevice(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}

func (s *stagedFile) commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.temporary == "" {
		return nil
	}
	if err := s.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("writing %q: %w", s.path, err)
	}
	if err := os.Rename(s.temporary, s.target); err != nil {
		return fmt.Errorf("writing %q: %w", s.path, err)
	}
	s.temporary = ""
	return nil
}

func (s *stagedFile) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discarded = true
	if s.temporary == "" {
		return
	}
	_ = s.file.Close()
	_ = os.Remove(s.temporary)
	s.temporary = ""
}

// toStdout hands out standard output, and does not close it.
func toStdout(stdout io.Writer) func(map[string]string) (io.WriteCloser, error) {
	return func(map[string]string) (io.WriteCloser, error) {
		return openWriter{stdout}, nil
	}
}

type openWriter struct{ io.Writer }

func (openWriter) Close() error { return nil }
