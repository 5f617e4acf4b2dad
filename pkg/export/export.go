package export

import (
	"io"
	"path/filepath"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Destination is what a result is written to.
type Destination interface {
	// Stage begins an attempt, and lets the entry write to it.
	Stage(entry *client.ExportEntry) Staged
	// Places are the paths of this machine which errors of writing may name.
	Places() []string
}

// Staged is one attempt to write a result, which is kept if the build succeeds.
type Staged interface {
	Commit() error
	Discard()
	Interrupt() // ends waiting for other processes
}

// File is a file, a device or a pipe that takes an archive.
type File struct{ Target *safefile.Target }

// Stage lets the archive be written beside its place.
func (f File) Stage(entry *client.ExportEntry) Staged {
	staged := f.Target.Stage()
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return staged.Open() }
	return staged
}

// Places are the file, and where it is written before it has its name.
func (f File) Places() []string { return []string{f.Target.Path(), f.Target.Directory()} }

// Directory is a directory that files are put into.
type Directory struct {
	Named string // the path as the user named it, made absolute
	Tree  *safefile.Tree
}

// Stage lets the files be received in a hidden directory within.
func (d Directory) Stage(entry *client.ExportEntry) Staged {
	staged := d.Tree.Stage()
	entry.OutputDir = staged.Receiving()
	return staged
}

// Places are the directory and the one that it is in.
func (d Directory) Places() []string { return []string{filepath.Dir(d.Named), d.Tree.Path()} }

// Stdout is standard output. What was written to it cannot be taken back.
type Stdout struct{ Writer io.Writer }

// Stage lets the archive be written to standard output, which stays open.
func (s Stdout) Stage(entry *client.ExportEntry) Staged {
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return openWriter{s.Writer}, nil }
	return stdoutStaged{}
}

// Places is the name that errors have for standard output.
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
