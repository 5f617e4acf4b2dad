package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// TreeOptions change how a tree is written.
type TreeOptions struct {
	Mirror  bool // files that are not in the result are removed
	Special bool // setuid and setgid bits, file capabilities and device nodes are kept
}

// Tree is a directory that files are moved into when a command's work is done.
type Tree struct {
	path    string
	options TreeOptions
	missing []string // directories that did not exist, the deepest first
}

// NewTree checks the directory, and writes nothing. It returns an
// *UnwritableError if files cannot be created there.
func NewTree(path string, options TreeOptions) (*Tree, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	found, err := resolve(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && found.linked:
		dir := filepath.Dir(found.path)
		return nil, &UnwritableError{
			Path: path, Reason: "it is a link into a directory that does not exist: " + dir, Next: "create it first", Cause: err,
		}
	case errors.Is(err, fs.ErrNotExist):
		found = place{path: path}
	case err != nil:
		return nil, &UnwritableError{Path: path, Reason: located(err), Cause: err}
	}
	if found.info != nil && !found.info.IsDir() {
		return nil, &UnwritableError{Path: path, Reason: path + " is a file", Next: "name a directory"}
	}
	if err := CheckDirectory(found.path); err != nil {
		return nil, &UnwritableError{Path: path, Reason: located(err), Cause: err}
	}
	t := &Tree{path: found.path, options: options}
	if found.info == nil {
		t.missing = append([]string{found.path}, missingParents(found.path)...)
	}
	return t, nil
}

// Path returns the path of the directory, with links resolved.
func (t *Tree) Path() string { return t.path }

// StagedTree is one attempt to write a tree. The files are received in a hidden
// directory inside the tree, which is on the same file system and writable, unlike
// perhaps the parent; Commit moves them to their places. A mount inside the tree
// has a separate hidden directory, which Commit fills before it moves anything.
type StagedTree struct {
	tree  *Tree
	parts []part
	plain []string // files that have lost their privileges
}

// part is a directory of received files, and their destination.
type part struct {
	from, to string
	info     fs.FileInfo // of a mount's root in the result; else nil
}

// Stage begins an attempt. Nothing is created.
func (t *Tree) Stage() *StagedTree {
	return &StagedTree{tree: t, parts: []part{{from: filepath.Join(t.path, stagedName("")), to: t.path}}}
}

// Receiving returns the directory to receive the files in. The receiver creates it.
func (s *StagedTree) Receiving() string { return s.parts[0].from }

// Plain returns the files, relative to the tree, from which Commit removed setuid
// and setgid bits and capabilities.
func (s *StagedTree) Plain() []string { return s.plain }

// Commit moves the files to their places. Errors are detected before the first file
// is moved, where possible.
func (s *StagedTree) Commit() error {
	if _, err := os.Lstat(s.Receiving()); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was sent
	}
	return Unwritten(s.tree.path, s.settle())
}

func (s *StagedTree) settle() error {
	if !s.tree.options.Special {
		if err := s.sanitize("."); err != nil {
			return err
		}
	}
	for i := 0; i < len(s.parts); i++ { // prepare appends the mounts
		if err := s.prepare(s.parts[i].from, s.parts[i].to); err != nil {
			return err
		}
	}
	for _, part := range slices.Backward(s.parts) { // nested mounts first: changes in them change the times of the outer one
		if err := s.move(part.from, part.to); err != nil {
			return err
		}
		if err := os.RemoveAll(part.from); err != nil {
			return err
		}
		if part.info == nil {
			continue
		}
		if err := restore(part.to, part.info); err != nil {
			return err
		}
	}
	return nil
}

// move moves the entries of a directory to their places. Existing directories are
// kept, with the mode and time of those in the result.
func (s *StagedTree) move(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if s.tree.options.Mirror {
		if err := removeOthers(to, entries); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		there, err := os.Lstat(target)
		switch {
		case err == nil && entry.IsDir() && there.IsDir():
			if err := s.moveInto(source, target, entry); err != nil {
				return err
			}
			continue
		case err == nil && (entry.IsDir() || there.IsDir()):
			if err := os.RemoveAll(target); err != nil {
				return err
			}
		}
		if err := rename(source, target, entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *StagedTree) moveInto(source, target string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if s.isPart(target) { // a mount, whose part is moved separately
		return nil
	}
	if err := errors.Join(makeWritable(source, info), ignoreForeign(makeWritable(target, info))); err != nil {
		return err
	}
	if err := s.move(source, target); err != nil {
		return err
	}
	return restore(target, info)
}

func (s *StagedTree) isPart(target string) bool {
	return slices.ContainsFunc(s.parts, func(part part) bool { return part.to == target })
}

// restore sets the mode and time of an existing directory to those of the result.
func restore(dir string, info fs.FileInfo) error {
	return ignoreForeign(errors.Join(os.Chmod(dir, mode(info)), os.Chtimes(dir, info.ModTime(), info.ModTime())))
}

// ignoreForeign ignores the error for another user's directory.
func ignoreForeign(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return nil
	}
	return err
}

// rename moves an entry, also a directory without write permission for its owner,
// which must be added for the move.
func rename(source, target string, entry fs.DirEntry) error {
	if !entry.IsDir() {
		err := os.Rename(source, target)
		if errors.Is(err, syscall.EBUSY) && entry.Type().IsRegular() { // a mount on a file
			return overwrite(source, target)
		}
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if err := errors.Join(makeWritable(source, info), os.Rename(source, target)); err != nil {
		return err
	}
	return os.Chmod(target, mode(info))
}

func makeWritable(dir string, info fs.FileInfo) error {
	return os.Chmod(dir, mode(info)|0o700)
}

// mode returns the bits of a mode that chmod sets.
func mode(info fs.FileInfo) fs.FileMode {
	return info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// removeOthers removes all entries but the wanted ones, those of another attempt,
// and mounts.
func removeOthers(dir string, wanted []fs.DirEntry) error {
	keep := map[string]bool{}
	for _, entry := range wanted {
		keep[entry.Name()] = true
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range there {
		if keep[entry.Name()] || isStaged(entry.Name()) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if mount := mountIn(path); mount != "" {
			if err := removeAround(path); err != nil {
				return err
			}
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// Interrupt does nothing: a tree waits for no other process.
func (s *StagedTree) Interrupt() {}

// Discard removes an incomplete result, and the directory if it is new.
func (s *StagedTree) Discard() {
	for _, part := range s.parts {
		_ = filepath.WalkDir(part.from, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return err
		})
		_ = os.RemoveAll(part.from)
	}
	removeEmpty(s.tree.missing)
}
