package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// writerTimeout is how long a program may take to open the other end of a named pipe.
const writerTimeout = 10 * time.Second

// Read returns the content of a file that the user named, of at most limit bytes; a larger one is a
// *TooLargeError. Links are followed, and the pipe of a shell's <(program) is read to its end.
// Directories, sockets and block devices are a *NotRegularError, and so is a named pipe without a
// writer.
func Read(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readAll(file, path, limit)
}

// Open opens a file that the user named, as Read does.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &fs.PathError{Op: "opening", Path: path, Err: cause(err)}
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeNamedPipe != 0:
		return openPipe(path, mode, writerTimeout)
	case !mode.IsRegular() && mode&fs.ModeCharDevice == 0:
		return nil, &NotRegularError{Name: path, Mode: mode}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, &fs.PathError{Op: "opening", Path: path, Err: cause(err)}
	}
	return file, nil
}

// openPipe waits for the writer: without one, the content would be empty.
func openPipe(path string, mode fs.FileMode, within time.Duration) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		file, err := os.Open(path)
		done <- opened{file, err}
	}()
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case got := <-done:
		if got.err != nil {
			return nil, &fs.PathError{Op: "opening", Path: path, Err: cause(got.err)}
		}
		return got.file, nil
	case <-late.C:
		return nil, &NotRegularError{Name: path, Mode: mode, Reason: "to which no program writes"}
	}
}

// RealPath returns the path with links resolved, as far as it exists.
func RealPath(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(RealPath(parent), filepath.Base(path))
}

// Exists reports whether a file exists at the path that the user named, even if it cannot be read.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
}

// Stat describes the file at the path that the user named; links are followed.
func Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

// IsDir reports whether a directory exists at the path that the user named.
func IsDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// IsPipe reports whether a named pipe exists at the path that the user named, e.g. that of a
// shell's <(program).
func IsPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}
