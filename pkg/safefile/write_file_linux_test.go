package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// root skips what only root can set up: devices, mounts, other users' files.
func root(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes devices and mounts")
	}
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Skipf("this root may not mount: %v", err) // in a container
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func device(t *testing.T, path string, minor int) string {
	t.Helper()
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|minor); err != nil {
		t.Skipf("this root may make no devices: %v", err)
	}
	return path
}

const (
	null = 3
	full = 7
)

// A device takes the bytes and stays; nothing appears beside it.
func TestWriteToDevice(t *testing.T) {
	root(t)
	dir := t.TempDir()
	path := device(t, filepath.Join(dir, "null"), null)
	write(t, path)
	write(t, link(t, "null", filepath.Join(dir, "link")))
	if err := target(t, path).RemoveStale(); err != nil {
		t.Error(err)
	}
	if modeOf(t, path)&fs.ModeCharDevice == 0 || modeOf(t, dir+"/link")&fs.ModeSymlink == 0 {
		t.Error("the device or the link was replaced")
	}
	if err := target(t, device(t, filepath.Join(dir, "full"), full)).Write(t.Context(), []byte("new")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full device: %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"full", "link", "null"}) {
		t.Errorf("there is %v", got)
	}
	if target(t, path).Same(target(t, path)) {
		t.Error("two results in /dev/null are too many")
	}
}

// On a full disk the old file stays, and nothing beside it.
func TestFullDisk(t *testing.T) {
	root(t)
	dir := t.TempDir()
	mount(t, "none", dir, "tmpfs", 0, "size=64k")
	path := put(t, filepath.Join(dir, "a"), "old")
	for _, name := range []string{"a", "b"} {
		err := target(t, filepath.Join(dir, name)).Write(t.Context(), make([]byte, 1<<20))
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
	}
	holds(t, path, "old", "a")
}

// A mount on a file cannot be renamed over, as containers have for single files.
func TestWriteToMountedFile(t *testing.T) {
	root(t)
	dir := t.TempDir()
	real := put(t, filepath.Join(dir, "real"), "old, and longer")
	path := put(t, filepath.Join(dir, "mounts", "a"), "hidden")
	mount(t, real, path, "", syscall.MS_BIND, "")
	write(t, path)
	holds(t, path, "new", "a")
	holds(t, real, "new", "mounts", "real")
	if err := target(t, path).RemoveStale(); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "", "a")
}

// A directory that takes no new file, with a file in it that can be written.
func TestWriteInReadOnlyDirectory(t *testing.T) {
	root(t)
	dir := t.TempDir()
	inside := put(t, filepath.Join(dir, "ro", "a"), "hidden")
	put(t, filepath.Join(dir, "ro", "b"), "old")
	real := put(t, filepath.Join(dir, "real"), "old")
	mount(t, dir+"/ro", dir+"/ro", "", syscall.MS_BIND, "")
	if err := syscall.Mount("", dir+"/ro", "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	mount(t, real, inside, "", syscall.MS_BIND, "")
	write(t, inside)
	holds(t, inside, "new", "a", "b")
	for _, name := range []string{"b", "c"} {
		if _, err := NewTarget(filepath.Join(dir, "ro", name), TargetOptions{Parents: true}); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewTree(filepath.Join(dir, "ro", "new"), TreeOptions{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a directory: %v", err)
	}
	if err := target(t, inside).WriteFrom(t.Context(), func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return io.ErrUnexpectedEOF
	}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	holds(t, inside, "", "a", "b") // never a part of a file
}

// The owner stays: root gives the new file to the former owner; another user, who
// may write the file, writes it in place.
func TestOwners(t *testing.T) {
	root(t)
	const user, other = 65534, 65533
	dir := public(t)
	owned := func(name string, owner int, mode fs.FileMode) string {
		path := put(t, filepath.Join(dir, name), "old")
		if err := errors.Join(os.Chown(path, owner, owner), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ownerOf := func(path string) uint32 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	path := owned("a", user, 0o640)
	write(t, path)
	if ownerOf(path) != user || modeOf(t, path) != 0o640 {
		t.Errorf("root left owner %d, mode %v", ownerOf(path), modeOf(t, path))
	}

	mine, theirs, closed := owned("open/mine", user, 0o600), owned("open/theirs", other, 0o666), owned("open/closed", other, 0o600)
	inside, locked := owned("shut/inside", user, 0o600), owned("shut/locked", other, 0o600)
	if err := os.Chmod(filepath.Join(dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{mine, theirs, inside} {
		if out, err := child(t, `"$@"`, user, childPaths+"="+path); err != nil {
			t.Errorf("%s: %v: %s", path, err, out)
		}
		if text, _ := os.ReadFile(path); string(text) != "new" {
			t.Errorf("%s holds %q", path, text)
		}
	}
	if ownerOf(mine) != user || ownerOf(theirs) != other || ownerOf(inside) != user {
		t.Errorf("owners %d, %d, %d", ownerOf(mine), ownerOf(theirs), ownerOf(inside))
	}
	for _, path := range []string{locked, filepath.Join(dir, "shut", "new"), closed} {
		if out, err := child(t, `"$@"`, user, childPaths+"="+path); err == nil || !strings.Contains(out, "permission denied") {
			t.Errorf("%s: %v: %s", path, err, out)
		}
	}
	if got := names(t, filepath.Join(dir, "open")); !slices.Equal(got, []string{"closed", "mine", "theirs"}) {
		t.Errorf("there is %v", got)
	}
}

// What stops the files of a directory, and the lines that are appended to one, is known with its
// reason.
func TestUnwrittenIsNamed(t *testing.T) {
	root(t)
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=8k")
	tree, err := NewTree(filepath.Join(dir, "out"), TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	staged := tree.Stage()
	if err := os.MkdirAll(staged.Receiving(), 0o700); err != nil {
		t.Fatal(err)
	}
	lines, err := target(t, filepath.Join(dir, "trace")).Append(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, appending := lines.Write(make([]byte, 1<<20))
	for path, err := range map[string]error{tree.Path(): staged.Unwritten(), filepath.Join(dir, "trace"): appending} {
		var unwritten *UnwritableError
		if !errors.As(err, &unwritten) || unwritten.Path != path || unwritten.Next == "" || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := errors.Join(lines.Close(), os.Remove(filepath.Join(dir, "trace"))); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(staged.Receiving())
	if err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}
