package export

import (
	"io"
	"path/filepath"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Destination is where a result is written to.
type Destination interface {
	// Stage begins an attempt, and makes the entry write to it.
	Stage(entry *client.ExportEntry) Staged
	// Places returns the local paths that write errors may contain.
	Places() []string
}

// Staged is one attempt to write a result. Commit is called if the build succeeds.
type Staged interface {
	Commit() error
	Discard()
	Interrupt() // ends the wait for other processes
}

// File is a file, a device or a pipe that receives an archive.
type File struct{ Target *safefile.Target }

// Stage makes the entry write to a temporary file beside the target.
func (f File) Stage(entry *client.ExportEntry) Staged {
	staged := f.Target.Stage()
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return staged.Open() }
	return staged
}

// Places returns the paths of the file and of the directory of its temporary file.
func (f File) Places() []string { return []string{f.Target.Path(), f.Target.Directory()} }

// Directory is a directory that files are put into.
type Directory struct {
	Named string // the path as the user named it, made absolute
	Tree  *safefile.Tree
}

// Stage makes the entry write to a hidden directory inside the directory.
func (d Directory) Stage(entry *client.ExportEntry) Staged {
	staged := d.Tree.Stage()
	entry.OutputDir = staged.Receiving()
	return staged
}

// Places returns the paths of the directory and its parent.
func (d Directory) Places() []string { return []string{filepath.Dir(d.Named), d.Tree.Path()} }

// Stdout is standard output. Discard cannot undo what was written to it.
type Stdout struct{ Writer io.Writer }

// Stage makes the entry write to standard output, which is not closed.
func (s Stdout) Stage(entry *client.ExportEntry) Staged {
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return openWriter{s.Writer}, nil }
	return stdoutStaged{}
}

// Places returns the name of standard output in errors.
func (Stdout) Places() []string { return []string{"/dev/stdout"} }

type openWriter struct{ io.Writer }

func (w openWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	return n, safefile.Unwritten("/dev/stdout", err)
}

func (openWriter) Close() error { return nil }

type stdoutStaged struct{}

func (stdoutStaged) Commit() error { return nil }
func (stdoutStaged) Discard()      {}
func (stdoutStaged) Interrupt()    {}
