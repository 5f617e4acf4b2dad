//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestPipeThatNoProgramWritesTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openPipe(path, fs.ModeNamedPipe, 20*time.Millisecond)
	var kind *NotRegularError
	if !errors.As(err, &kind) || err.Error() != `"`+path+`" is a named pipe to which no program writes` {
		t.Errorf("got %v", err)
	}
	if file, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // ends what still waits
		_ = file.Close()
	}
}
