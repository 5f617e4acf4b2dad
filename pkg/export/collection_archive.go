package export

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// archiveName is the name of an archive that was received from a daemon, in a hidden directory.
const archiveName = "archive.tar"

// sink receives the entries of a merged output.
type sink interface {
	add(header *tar.Header, content io.Reader) error
}

// fill writes a merged output.
type fill func(sink) error

// tarSink is an archive.
type tarSink struct{ *tar.Writer }

func (t tarSink) add(header *tar.Header, content io.Reader) error {
	if err := t.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(t, content)
	return err
}

// treeSink is the directory of a layout, which has files alone.
type treeSink struct{ *safefile.StagedTree }

func (t treeSink) add(header *tar.Header, content io.Reader) (err error) {
	if header.Typeflag == tar.TypeDir {
		return nil
	}
	if err := t.Drop(header.Name); err != nil { // a link to the same blob in the layout
		return err
	}
	file, err := t.Create(header.Name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

func archive(w io.Writer, write fill) error {
	to := tar.NewWriter(w)
	if err := write(tarSink{to}); err != nil {
		return err
	}
	return to.Close()
}

func fillArchive(staged *safefile.Staged, write fill) error {
	w, err := staged.Open()
	if err != nil {
		return err
	}
	return errors.Join(archive(w, write), w.Close())
}

func writeArchive(staged *safefile.Staged, write fill) error {
	if err := fillArchive(staged, write); err != nil {
		return err
	}
	return staged.Commit()
}

// read returns how to write the merged output.
func (c *Collection) read() (*imageindex.Index, fill, error) {
	if c.image {
		return c.readImages()
	}
	return nil, c.joinTrees, nil
}

// joinTrees writes the files of all parts, which no two of them may have.
func (c *Collection) joinTrees(to sink) error {
	owner := map[string]int{}
	for n := range c.kept {
		err := c.walk(n, func(header *tar.Header, content io.Reader) error {
			name := path.Clean("/" + header.Name)
			first, known := owner[name]
			switch owner[name] = n; {
			case known && first != n && header.Typeflag == tar.TypeDir:
				return nil
			case known && first != n:
				return &safefile.UnwritableError{
					Path: c.to.Places()[0], Reason: "the results of two platforms have the file " + header.Name,
					Next: "leave out platform-split=false, or build the platforms one at a time",
				}
			}
			return to.add(header, content)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// walk visits the entries of the archive of a part. What cannot be read of it is an error of the
// daemon's.
func (c *Collection) walk(n int, visit func(*tar.Header, io.Reader) error) error {
	root, err := safefile.OpenRoot(c.kept[n].Receiving())
	if err != nil {
		return fmt.Errorf("reading what was received: %w", err)
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(archiveName)
	if err != nil {
		return fmt.Errorf("reading what was received: %w", err)
	}
	defer func() { _ = file.Close() }()
	for entries := tar.NewReader(file); ; {
		header, err := entries.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the archive of %s: %w", c.options.Parts[n], err)
		}
		if err := visit(header, entries); err != nil {
			return err
		}
	}
}
