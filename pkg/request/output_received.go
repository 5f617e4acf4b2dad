package request

import (
	"io"

	"github.com/moby/buildkit/session/filesync"
)

// watch keeps the first error of opening or writing an archive: what the daemon makes of it is a
// text.
func (a *Attempt) watch(open filesync.FileOutputFunc) filesync.FileOutputFunc {
	if open == nil {
		return nil
	}
	return func(attrs map[string]string) (io.WriteCloser, error) {
		w, err := open(attrs)
		if err != nil {
			return nil, a.noteUnwritten(err)
		}
		return &received{WriteCloser: w, attempt: a}, nil
	}
}

func (a *Attempt) noteUnwritten(err error) error {
	if err != nil {
		a.unwritten.CompareAndSwap(nil, &err)
	}
	return err
}

// received is an archive that is received from the daemon.
type received struct {
	io.WriteCloser
	attempt *Attempt
}

func (r *received) Write(b []byte) (int, error) {
	n, err := r.WriteCloser.Write(b)
	return n, r.attempt.noteUnwritten(err)
}

func (r *received) Close() error { return r.attempt.noteUnwritten(r.WriteCloser.Close()) }
