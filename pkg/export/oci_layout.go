package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// maxIndex is the maximum size of a layout's index, in bytes.
const maxIndex = 16 << 20

// imageName is containerd's annotation with the name of an image.
const imageName = "io.containerd.image.name"

// Layout is a directory with images in the form of an OCI layout, or with a local cache, which has
// the same form. BuildKit writes blobs and an index into a hidden directory inside; Commit moves
// the blobs to their places, and the index last.
type Layout struct {
	named string
	tree  *safefile.Tree
	// committing is held while the index is changed: several daemons may write one cache.
	committing sync.Mutex
}

// NewLayout checks the directory, and writes nothing. It returns a *safefile.UnwritableError if a
// layout cannot be written there, or if the existing layout is invalid.
func NewLayout(dir string) (*Layout, error) {
	tree, err := safefile.NewTree(dir, safefile.TreeOptions{})
	if err != nil {
		return nil, err
	}
	l := &Layout{named: dir, tree: tree}
	return l, l.check()
}

// check returns an error if a part of the layout is a link or cannot be read: other users may have
// created the directory.
func (l *Layout) check() error {
	root, err := safefile.OpenRoot(l.tree.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	wrong := func(name, reason string) error {
		return &safefile.UnwritableError{
			Path: l.tree.Path(), Reason: "its " + name + " " + reason, Next: "remove it, or name another directory",
		}
	}
	if err != nil {
		return &safefile.UnwritableError{Path: l.tree.Path(), Reason: err.Error(), Cause: err}
	}
	defer func() { _ = root.Close() }()
	for _, name := range []string{ocispecs.ImageBlobsDir, path.Join(ocispecs.ImageBlobsDir, string(digest.SHA256))} {
		if info, err := root.Lstat(name); err == nil && !info.IsDir() {
			return wrong(name, "is "+safefile.Kind(info.Mode()))
		}
	}
	for _, name := range []string{ocispecs.ImageIndexFile, ocispecs.ImageLayoutFile} {
		if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return wrong(name, "is "+safefile.Kind(info.Mode()))
		}
	}
	if _, err := readIndex(root); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrong(ocispecs.ImageIndexFile, "cannot be read: "+err.Error())
	}
	return nil
}

// Path returns the path of the directory, with links resolved.
func (l *Layout) Path() string { return l.tree.Path() }

// StagedLayout is one attempt to write a layout.
type StagedLayout struct {
	*safefile.StagedTree
	layout *Layout
	linked []string // blobs of the existing layout
	before []ocispecs.Descriptor
}

// Stage makes the entry write to a hidden directory inside the layout.
func (l *Layout) Stage(entry *client.ExportEntry) Staged {
	staged := l.Begin()
	entry.OutputDir = staged.Receiving()
	return staged
}

// Places returns the path of the directory as the user named it, and with links resolved.
func (l *Layout) Places() []string { return []string{l.named, l.Path()} }

// Begin begins an attempt, with hard links to the blobs and a copy of the index, so that existing
// blobs are not received again.
func (l *Layout) Begin() *StagedLayout {
	s := &StagedLayout{StagedTree: l.tree.Stage(), layout: l}
	s.linked = s.Link(ocispecs.ImageBlobsDir)
	index, err := indexOf(l.tree.Path())
	if err != nil || len(s.linked) == 0 {
		return s
	}
	if text, err := json.Marshal(index); err == nil && s.Put(ocispecs.ImageIndexFile, text) == nil {
		s.before = index.Manifests
	}
	return s
}

// Commit moves the blobs and the index to their places. Images that another build has added
// meanwhile are kept.
func (s *StagedLayout) Commit() error {
	s.layout.committing.Lock()
	defer s.layout.committing.Unlock()
	made, err := indexOf(s.Receiving())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was exported
	}
	if err == nil {
		err = s.putIndex(made)
	}
	if err != nil {
		return safefile.Unwritten(s.layout.Path(), err)
	}
	root, err := safefile.OpenRoot(s.Receiving())
	if err != nil {
		return safefile.Unwritten(s.layout.Path(), err)
	}
	deleted := slices.DeleteFunc(slices.Clone(s.linked), root.Has) // BuildKit may have removed unreferenced blobs
	_ = root.Close()
	if err := s.StagedTree.Commit(); err != nil {
		return err
	}
	s.layout.tree.Remove(deleted...)
	return nil
}

// putIndex writes the merged index into the attempt.
func (s *StagedLayout) putIndex(made *ocispecs.Index) error {
	index, err := indexOf(s.layout.Path())
	if errors.Is(err, fs.ErrNotExist) {
		index, err = &ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}, nil
	}
	if err != nil {
		return err
	}
	for _, image := range made.Manifests {
		if !slices.ContainsFunc(s.before, func(known ocispecs.Descriptor) bool { return reflect.DeepEqual(known, image) }) {
			index.Manifests = append(slices.DeleteFunc(index.Manifests, func(former ocispecs.Descriptor) bool { return sameName(former, image) }), image)
		}
	}
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := s.Drop("ingest", "cache.lock", "index.json.lock"); err != nil {
		return err
	}
	return s.Put(ocispecs.ImageIndexFile, text)
}

func sameName(a, b ocispecs.Descriptor) bool {
	return a.Annotations[ocispecs.AnnotationRefName] == b.Annotations[ocispecs.AnnotationRefName] && a.Annotations[imageName] == b.Annotations[imageName]
}

func indexOf(dir string) (*ocispecs.Index, error) {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return readIndex(root)
}

func readIndex(root *safefile.Root) (*ocispecs.Index, error) {
	text, err := root.ReadFile(ocispecs.ImageIndexFile, maxIndex)
	if err != nil {
		return nil, err
	}
	index := &ocispecs.Index{}
	if err := json.Unmarshal(text, index); err != nil {
		return nil, fmt.Errorf("reading %q: %w", ocispecs.ImageIndexFile, err)
	}
	return index, nil
}
