package upload

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"
)

var errDenied = &fs.PathError{Op: "opening", Path: "a", Err: fs.ErrPermission}

// deniedFS has a directory that cannot be listed and a file that cannot be opened.
type deniedFS struct{}

func (deniedFS) Walk(_ context.Context, _ string, visit fs.WalkDirFunc) error {
	return visit("a", nil, errDenied)
}

func (deniedFS) Open(string) (io.ReadCloser, error) { return nil, errDenied }

func TestGuard(t *testing.T) {
	var failures []*FileError
	opt := &client.SolveOpt{LocalMounts: map[string]fsutil.FS{"context": deniedFS{}}}
	Guard(opt, Options{Directories: map[string]string{"context": "/src/app"}}, func(failed *FileError) { failures = append(failures, failed) })
	guarded := opt.LocalMounts["context"]
	file, err := guarded.Open("a")
	if err != nil {
		t.Fatal("an error of Open is an empty file for the sender")
	}
	_, err = file.Read(make([]byte, 1))
	if !errors.Is(err, fs.ErrPermission) || err.Error() != `reading "a" of the directory "/src/app": permission denied` {
		t.Errorf("got %v", err)
	}
	report := func(_ string, _ fs.DirEntry, err error) error { return err }
	if err := guarded.Walk(t.Context(), "", report); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if len(failures) != 2 || failures[0].Name != "a" || failures[1].Directory != "/src/app" {
		t.Errorf("reported were %v", failures)
	}
	skip := func(string, fs.DirEntry, error) error { return nil } // as a filter does that leaves the path out
	if err := guarded.Walk(t.Context(), "", skip); err != nil || len(failures) != 2 {
		t.Errorf("what is left out was reported: %v", failures)
	}
}
