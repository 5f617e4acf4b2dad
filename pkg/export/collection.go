package export

import (
	"io"
	"os"
	"sync"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Merging is what several daemons have built together.
type Merging struct {
	Parts     [][]string // the platforms of each daemon
	Platforms []string   // of all of them, in the order of the index
	// Annotations are those of the index, and Descriptor those of its descriptor.
	Annotations, Descriptor map[string]string
}

// Collection receives one output from several daemons, and merges what they have sent.
type Collection struct {
	to      Destination
	options Merging
	image   bool           // it is an OCI layout
	tree    *safefile.Tree // the directory that the hidden ones of the parts are in

	mu      sync.Mutex
	kept    []*safefile.StagedTree // the part of each daemon; nil before its attempt succeeded
	finish  func() error           // gives the merged output its name; nil before Merge
	discard func()                 // removes the merged output; may be nil
}

// Collect returns the collection of an output to a File, Stdout, Directory or *Layout. What an
// archive receives from each daemon is beside it, or in the directory for temporary files. The
// error is a *safefile.UnwritableError.
func Collect(to Destination, image bool, o Merging) (*Collection, error) {
	c := &Collection{to: to, image: image, options: o, kept: make([]*safefile.StagedTree, len(o.Parts))}
	dir := os.TempDir()
	switch to := to.(type) {
	case Directory:
		c.tree = to.Tree
		return c, nil
	case *Layout:
		c.tree = to.tree
		return c, nil
	case File:
		if !to.Target.WritesThrough() {
			dir = to.Target.Directory()
		}
	}
	tree, err := safefile.NewTree(dir, safefile.TreeOptions{})
	if err != nil && dir != os.TempDir() { // the file exists, and can be written in place
		tree, err = safefile.NewTree(os.TempDir(), safefile.TreeOptions{})
	}
	c.tree = tree
	return c, err
}

// archived reports whether the daemons send archives.
func (c *Collection) archived() bool {
	_, plain := c.to.(Directory)
	return !plain
}

// Part returns the destination of the daemon with that number. What an attempt commits there is its
// part; nothing of it is visible yet.
func (c *Collection) Part(n int) Destination { return share{c, n} }

// share is the destination of one daemon.
type share struct {
	*Collection
	number int
}

// Stage makes the entry write to a hidden directory.
func (s share) Stage(entry *client.ExportEntry) Staged {
	staged := &stagedShare{StagedTree: s.tree.Stage(), share: s}
	if !s.archived() {
		entry.OutputDir = staged.Receiving()
		return staged
	}
	delete(entry.Attrs, "tar") // a directory with an image is made of an archive too
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return staged.Create(archiveName) }
	return staged
}

// Places returns those of the destination.
func (s share) Places() []string { return s.to.Places() }

// stagedShare is an attempt of one daemon.
type stagedShare struct {
	*safefile.StagedTree
	share
	committed bool
}

// Unwritten returns why the files of a directory cannot be received now. The errors of an archive
// are those of its writer.
func (s *stagedShare) Unwritten() error {
	if s.archived() {
		return nil
	}
	return s.StagedTree.Unwritten()
}

// Commit keeps what was received as the part of the daemon.
func (s *stagedShare) Commit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	former := s.kept[s.number]
	s.kept[s.number], s.committed = s.StagedTree, true
	if former != nil {
		former.Discard()
	}
	return nil
}

// Discard removes what was received, unless it was committed.
func (s *stagedShare) Discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.committed {
		s.StagedTree.Discard()
	}
}

// Merge merges the parts, which all are committed, and writes the output under a hidden name; what
// cannot have one is written by Commit. The index is nil if the output is not an image.
func (c *Collection) Merge() (*imageindex.Index, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.archived() {
		for _, part := range c.kept[1:] {
			if err := c.kept[0].Absorb(part); err != nil {
				return nil, err
			}
		}
		c.finish = c.kept[0].Commit
		return nil, nil
	}
	index, fill, err := c.read()
	if err != nil {
		return nil, err
	}
	switch to := c.to.(type) {
	case *Layout:
		staged := to.Begin()
		c.finish, c.discard = staged.Commit, staged.Discard
		return index, fill(treeSink{staged.StagedTree})
	case File:
		staged := to.Target.Stage()
		c.discard = staged.Discard
		c.finish = func() error { return writeArchive(staged, fill) }
		if to.Target.WritesThrough() {
			return index, nil
		}
		c.finish = staged.Commit
		return index, fillArchive(staged, fill)
	case Stdout:
		c.finish = func() error { return archive(openWriter{to.Writer}, fill) }
	}
	return index, nil
}

// Commit gives the merged output its name.
func (c *Collection) Commit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.finish()
}

// Plain returns the files that have lost their privileges.
func (c *Collection) Plain() []string {
	if c.archived() || c.kept[0] == nil {
		return nil
	}
	return c.kept[0].Plain()
}

// Discard removes what was received and was not committed.
func (c *Collection) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.discard != nil {
		c.discard()
	}
	for _, part := range c.kept {
		if part != nil {
			part.Discard()
		}
	}
}
