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
	// stagedBase is how much of a name, in bytes, that of its incomplete file has:
	// both must fit into the 255 of most file systems.
	stagedBase = 200
)

// stagedName is the name of what is not complete, of a file with that name or of
// a directory without one.
func stagedName(base string) string {
	if len(base) > stagedBase {
		base = strings.ToValidUTF8(base[:stagedBase], "") // not half a character, which macOS refuses
	}
	if base != "" {
		base += "."
	}
	return "." + base + stagedMark + rand.Text()[:8] + stagedSuffix
}

// isStaged reports whether a name is one of stagedName.
func isStaged(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, stagedMark) && strings.HasSuffix(name, stagedSuffix)
}

// Staged is one attempt to write a target. Its methods may be called from several
// goroutines. Of Commit and Discard the first one counts.
type Staged struct {
	target      *Target
	interrupted chan struct{}

	mu        sync.Mutex
	found     place
	file      *os.File
	temporary string // beside the target; "" if the bytes go to the target itself
	signaled  bool
	ended     bool
	failed    error // of a write, or of its end
}

// Stage begins an attempt. Nothing is opened or created before Open.
func (t *Target) Stage() *Staged {
	return &Staged{target: t, interrupted: make(chan struct{})}
}

// Open returns where the bytes go. Closing it ends the writing, not the attempt.
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

// openBeside creates the file that is renamed in the end; where the directory
// takes no file, the target itself is opened.
func (s *Staged) openBeside() (err error) {
	dir, perm := filepath.Dir(s.found.path), fs.FileMode(0o666)
	if s.target.options.Private || s.found.info != nil || s.target.former != nil {
		perm = 0o600 // until it gets the mode of the one before
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

// Interrupt ends waiting for others: for a pipe's reader, or for a device that
// takes no more.
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
		_ = s.file.SetWriteDeadline(time.Now().Add(interruptGrace)) // regular files know none
	}
}

// Commit gives the file its name. Without Open before it does nothing.
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

// Discard removes what was written, as far as it can be taken back.
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
		_ = s.file.Truncate(0) // a part of a file is worse than none
	}
	_ = s.file.Close()
	if s.temporary != "" {
		_ = os.Remove(s.temporary)
		removeEmpty(s.target.missing)
	}
}

// stagedWriter is the part of an attempt that its writer has.
type stagedWriter Staged

func (w *stagedWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	if err != nil {
		err = w.fail(err)
	}
	return n, err
}

// Close makes what was written last: a full disk may be known only now.
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
