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

// Lock takes the folder for this run alone and returns what gives it back. When another run holds it, busy is called
// once and Lock waits. The folder itself is locked, so that nothing is left beside it.
func (d Dir) Lock(ctx context.Context, busy func()) (unlock func(), err error) {
	for tries := 0; ; tries++ {
		folder, err := d.tryLock()
		if err != nil {
			return nil, fmt.Errorf("locking state folder %q: %w", string(d), err)
		}
		if folder != nil {
			return func() { folder.Close() }, nil
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

// tryLock returns the locked folder, or nil when somebody else has it.
func (d Dir) tryLock() (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return nil, err
	}
	folder, err := os.Open(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the run that had it deletes it as its last act
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		folder.Close()
		return nil, nil
	}
	if err != nil {
		folder.Close()
		return nil, err
	}
	if !d.is(folder) {
		folder.Close()
		return nil, nil
	}
	return folder, nil
}

// is tells whether the opened folder is the one that has our path now: it may have been deleted since, and made anew.
func (d Dir) is(folder *os.File) bool {
	opened, openedErr := folder.Stat()
	current, currentErr := os.Stat(string(d))
	return openedErr == nil && currentErr == nil && os.SameFile(opened, current)
}
