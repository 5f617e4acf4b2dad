//go:build unix

package safefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func umask(t *testing.T, mask int) {
	t.Helper()
	before := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(before) })
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// A new file has the mode that the umask leaves; one that is there keeps its own.
func TestModes(t *testing.T) {
	for _, test := range []struct {
		mask         int
		before, want fs.FileMode
		private      bool
	}{
		{0o022, 0, 0o644, false}, {0o077, 0, 0o600, false}, {0o002, 0, 0o664, false}, {0o077, 0, 0o600, true}, {0, 0, 0o600, true},
		{0o022, 0o600, 0o600, false}, {0o077, 0o664, 0o664, false}, {0o022, 0o444, 0o444, false}, {0o022, 0o644, 0o600, true},
	} {
		umask(t, test.mask)
		path := filepath.Join(t.TempDir(), "a")
		if test.before != 0 {
			put(t, path, "old")
			if err := os.Chmod(path, test.before); err != nil {
				t.Fatal(err)
			}
		}
		target, err := NewTarget(path, TargetOptions{Private: test.private})
		if err != nil {
			t.Fatal(err)
		}
		if err := target.Write(t.Context(), []byte("new")); err != nil {
			t.Fatal(err)
		}
		if got := modeOf(t, path); got != test.want {
			t.Errorf("umask %o, before %v, private %v: mode %v, want %v", test.mask, test.before, test.private, got, test.want)
		}
	}
}

func TestOtherNamesStay(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "a"), "old")
	if err := os.Link(path, filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	write(t, path)
	holds(t, path, "new", "a", "b")
	holds(t, filepath.Join(dir, "b"), "new", "a", "b")
	if err := target(t, path).RemoveStale(); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dir, "b"), "", "a", "b")
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A named pipe gets the bytes, whenever its reader comes, and stays.
func TestWriteToPipe(t *testing.T) {
	for _, late := range []bool{false, true} {
		path := fifo(t)
		got := make(chan string, 1)
		read := func() {
			text, _ := os.ReadFile(path)
			got <- string(text)
		}
		if late {
			time.AfterFunc(5*readerPoll, read)
		} else {
			go read()
		}
		write(t, link(t, path, path+"-link"))
		if text := <-got; text != "new" {
			t.Errorf("late %v: the reader got %q", late, text)
		}
		if modeOf(t, path)&fs.ModeNamedPipe == 0 || modeOf(t, path+"-link")&fs.ModeSymlink == 0 {
			t.Errorf("late %v: pipe or link was replaced", late)
		}
		if err := target(t, path).RemoveStale(); err != nil || modeOf(t, path)&fs.ModeNamedPipe == 0 {
			t.Errorf("the pipe was removed as if it were stale: %v", err)
		}
	}
}

// Without a reader an interrupt ends the wait, before and in the middle of writing.
func TestPipeIsInterrupted(t *testing.T) {
	endless := func(w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return err
			}
		}
	}
	for name, reader := range map[string]bool{"no reader": false, "a reader that stalls": true} {
		t.Run(name, func(t *testing.T) {
			path := fifo(t)
			if reader {
				stalled, err := os.OpenFile(path, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = stalled.Close() }()
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(3*readerPoll, cancel)
			began := time.Now()
			err := target(t, path).WriteFrom(ctx, endless)
			if err == nil || !strings.Contains(err.Error(), "interrupted") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took > 10*interruptGrace {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A reader that never comes does not keep a pipeline for ever.
func TestPipeWithoutReader(t *testing.T) {
	path := fifo(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := target(t, path).Write(t.Context(), []byte("new"))
		var cannot *UnwritableError
		if !errors.As(err, &cannot) || !strings.Contains(cannot.Reason, "no reader") || cannot.Next == "" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took < readerWait || took > 2*readerWait {
			t.Errorf("it took %v", took)
		}
	})
}

// A pipe whose reader is there gets what is to be known of a build that was
// interrupted.
func TestPipeAfterInterrupt(t *testing.T) {
	path := fifo(t)
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := target(t, path).Write(ctx, []byte("new")); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 3)
	if _, err := io.ReadFull(reader, text); err != nil || string(text) != "new" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestAppendToPipe(t *testing.T) {
	path := fifo(t)
	got := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(path)
		got <- string(text)
	}()
	file, err := target(t, path).Append(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, "line"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "line" {
		t.Errorf("the reader got %q", text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := target(t, path).Append(ctx); err == nil {
		t.Error("it waits for a reader after an interrupt")
	}
}

func TestSocketIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewTarget(path, TargetOptions{}); err == nil || !strings.Contains(err.Error(), "socket") {
		t.Errorf("got %v", err)
	}
}

// /dev/stdout, /proc/self/fd/N and process substitution: the bytes follow what was
// written to the descriptor before, and precede what comes after.
func TestWriteToDescriptor(t *testing.T) {
	if _, err := os.Stat("/dev/fd/0"); err != nil {
		t.Skip("this system has no /dev/fd")
	}
	path := filepath.Join(t.TempDir(), "log")
	script := `exec >"$LOG" 7>"$LOG.7" 8<"$LOG" 9>&-
		ln -s /dev/stdout "$LOG.link"
		echo before; "$@" || exit; echo after
		SAFEFILE_TEST_PATHS=/dev/fd/8 "$@" && exit 3 # for reading alone
		SAFEFILE_TEST_PATHS=/dev/fd/9 "$@" && exit 4 # closed
		exit 0`
	out, err := child(t, script, 0, "LOG="+path, childPaths+"=/dev/stdout:/dev/fd/7:/dev/fd/7:"+path+".link")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	holds(t, path, "before\nnewnewafter\n", "log", "log.7", "log.link")
	holds(t, path+".7", "newnew", "log", "log.7", "log.link")
	for _, want := range []string{"reading only", "bad file descriptor"} {
		if !strings.Contains(out, want) {
			t.Errorf("it says %q, want %s", out, want)
		}
	}
	piped := `("$@"; echo $? >&2) | cat`
	if out, err := child(t, piped, 0, childPaths+"=/dev/stdout"); err != nil || out != "new0\n" && out != "0\nnew" {
		t.Errorf("a pipe got %q, %v", out, err)
	}
}

// A descriptor that this process has opened itself, a connection perhaps, is none
// that the user can mean.
func TestOwnDescriptorIsRefused(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "own"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	path := fmt.Sprintf("/dev/fd/%d", file.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip("this system has no /dev/fd")
	}
	if _, err := NewTarget(path, TargetOptions{}); !errors.Is(err, syscall.EBADF) {
		t.Errorf("got %v", err)
	}
}
