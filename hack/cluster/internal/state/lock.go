package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Lock takes the directory for this run alone and returns what gives it back. When another run holds it, busy is called
// once and Lock waits. The directory itself is locked, so that nothing is left beside it.
func (d Dir) Lock(ctx context.Context, busy func()) (unlock func(), err error) {
	for tries := 0; ; tries++ {
		directory, err := d.tryLock()
		if err != nil {
			return nil, fmt.Errorf("locking state directory %q: %w", string(d), err)
		}
		if directory != nil {
			return func() { directory.Close() }, nil
		}
		if tries == 0 {
			busy()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tryLock returns the locked directory, or nil when another run has it.
func (d Dir) tryLock() (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return nil, err
	}
	directory, err := os.Open(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the run that had it deletes it as its last act
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(directory.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		directory.Close()
		return nil, nil
	}
	if err != nil {
		directory.Close()
		return nil, err
	}
	if !d.is(directory) {
		directory.Close()
		return nil, nil
	}
	return directory, nil
}

// is tells whether the opened directory is the one that has our path now: it may have been deleted since, and made anew.
func (d Dir) is(directory *os.File) bool {
	opened, openedErr := directory.Stat()
	current, currentErr := os.Stat(string(d))
	return openedErr == nil && currentErr == nil && os.SameFile(opened, current)
}
