package safefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	stagedMark   = "kubectl-buildkit-"
	stagedSuffix = ".part"
	// stagedBase is how many bytes of a file's name the name of its temporary file
	// contains: most file systems limit names to 255 bytes.
	stagedBase = 200
)

// stagedName returns the name of the temporary file of a file with that name, or of
// a directory if base is empty.
func stagedName(base string) string {
	if len(base) > stagedBase {
		base = strings.ToValidUTF8(base[:stagedBase], "") // not half a character, which macOS refuses
	}
	if base != "" {
		base += "."
	}
	return "." + base + stagedMark + rand.Text()[:8] + stagedSuffix
}

// isStaged reports whether stagedName returned the name.
func isStaged(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, stagedMark) && strings.HasSuffix(name, stagedSuffix)
}

// Staged is one attempt to write a target. Several goroutines may call its methods.
// After Commit or Discard, a second call of either does nothing.
type Staged struct {
	target      *Target
	interrupted chan struct{}

	mu        sync.Mutex
	found     place
	file      *os.File
	temporary string // in the target's directory; "" if the target itself is written
	signaled  bool
	ended     bool
	failed    error // of a write, or of its end
}

// Stage begins an attempt. Nothing is opened or created before Open.
func (t *Target) Stage() *Staged {
	return &Staged{target: t, interrupted: make(chan struct{})}
}

// Open returns the writer. Closing it does not end the attempt.
func (s *Staged) Open() (io.WriteCloser, error) {
	found, err := s.target.look()
	if err != nil {
		return nil, err
	}
	var file *os.File
	if found.through() {
		if file, err = s.target.openThrough(found, s.interrupted); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.file != nil {
		if file != nil {
			_ = file.Close()
		}
		return nil, fmt.Errorf("writing %q: the build has ended", s.target.path)
	}
	s.found, s.file = found, file
	if file == nil {
		if err := s.openBeside(); err != nil {
			return nil, Unwritten(s.target.path, err)
		}
	}
	if s.signaled {
		s.limit()
	}
	return (*stagedWriter)(s), nil
}

// openBeside creates the temporary file, or opens the target itself if no file can
// be created in its directory.
func (s *Staged) openBeside() (err error) {
	dir, perm := filepath.Dir(s.found.path), fs.FileMode(0o666)
	if s.target.options.Private || s.found.info != nil || s.target.former != nil {
		perm = 0o600 // until it gets the mode of the file that it replaces
	}
	if s.target.options.Parents {
		if err := makeParents(dir, s.target.options.Private); err != nil {
			return err
		}
	}
	temporary := filepath.Join(dir, stagedName(filepath.Base(s.found.path)))
	s.file, err = os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err == nil {
		s.temporary = temporary
		return nil
	}
	if s.found.info == nil {
		return err
	}
	inPlace, inPlaceErr := os.OpenFile(s.found.path, os.O_WRONLY, 0)
	if inPlaceErr != nil {
		return err
	}
	s.file = inPlace
	return nil
}

func makeParents(dir string, private bool) error {
	if private {
		return os.MkdirAll(dir, 0o700)
	}
	return os.MkdirAll(dir, 0o777)
}

// Interrupt ends the wait for a pipe's reader, or for a device that blocks.
func (s *Staged) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.signaled {
		s.signaled = true
		close(s.interrupted)
		s.limit()
	}
}

func (s *Staged) limit() {
	if s.file != nil {
		_ = s.file.SetWriteDeadline(time.Now().Add(interruptGrace)) // regular files have no deadlines
	}
}

// Commit renames the temporary file to the target. Without a call of Open it does nothing.
func (s *Staged) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	if s.file == nil {
		return nil
	}
	err := s.failed
	if err == nil {
		err = s.finish()
	}
	if err != nil {
		s.remove()
		return Unwritten(s.target.path, err)
	}
	return nil
}

// Discard removes what was written, as far as that can be undone.
func (s *Staged) Discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		s.remove()
	}
}

func (s *Staged) remove() {
	if s.file == nil {
		return
	}
	if s.temporary == "" && !s.found.through() {
		_ = s.file.Truncate(0) // an empty file is better than an incomplete one
	}
	_ = s.file.Close()
	if s.temporary != "" {
		_ = os.Remove(s.temporary)
		removeEmpty(s.target.missing)
	}
}

// stagedWriter is the writer of an attempt.
type stagedWriter Staged

func (w *stagedWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	if err != nil {
		err = w.fail(err)
	}
	return n, err
}

// Close syncs the file: some file systems report a full disk only then.
func (w *stagedWriter) Close() error {
	s := (*Staged)(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.failed != nil {
		return s.failed
	}
	if s.found.through() {
		return nil
	}
	if s.temporary == "" {
		size, err := s.file.Seek(0, io.SeekCurrent)
		if err == nil {
			err = s.file.Truncate(size)
		}
		s.failed = Unwritten(s.target.path, err)
	}
	if s.failed == nil {
		s.failed = Unwritten(s.target.path, s.file.Sync())
	}
	return s.failed
}

func (w *stagedWriter) fail(err error) error {
	s := (*Staged)(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.signaled && errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("interrupted: %w", cause(err))
	}
	err = Unwritten(s.target.path, err)
	if s.failed == nil {
		s.failed = err
	}
	return err
}
