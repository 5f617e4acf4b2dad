package safefile

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A mount within the output gets its files as every other directory does: a
// rename does not reach it.
func TestTreeWithMount(t *testing.T) {
	root(t)
	result := map[string]string{"g": "new", "sub/f": "new", "sub/d/e": "new", "sub/deep/h": "new"}
	old := map[string]string{"sub/f": "old", "sub/x": "old", "sub/deep/x": "old", "y": "old"}
	for name, test := range map[string]struct {
		mirror bool
		bind   bool // of the same file system, which renames do not cross either
		want   map[string]string
	}{
		"copied":              {false, false, merged(old, result)},
		"copied, same device": {false, true, merged(old, result)},
		"mirrored":            {true, false, result},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out")
			for _, mounted := range []string{"sub", "sub/deep"} { // a mount in a mount
				at := filepath.Join(out, mounted)
				elsewhere := filepath.Join(dir, strings.ReplaceAll(mounted, "/", "-"))
				if err := errors.Join(os.MkdirAll(at, 0o755), os.MkdirAll(elsewhere, 0o755)); err != nil {
					t.Fatal(err)
				}
				if test.bind {
					mount(t, elsewhere, at, "", syscall.MS_BIND, "")
				} else {
					mount(t, "none", at, "tmpfs", 0, "")
				}
			}
			tree(t, out, old)
			s := stagedTree(t, out, TreeOptions{Mirror: test.mirror})
			tree(t, s.Receiving(), result)
			when := time.Unix(1e9, 0)
			for _, name := range []string{"sub/f", "sub/d", "sub"} {
				if err := os.Chtimes(filepath.Join(s.Receiving(), name), when, when); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Commit(); err != nil {
				t.Fatal(err)
			}
			s.Discard()
			if got := read(t, out); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			for _, name := range []string{"sub/f", "sub/d", "sub"} {
				if info, err := os.Stat(filepath.Join(out, name)); err != nil || !info.ModTime().Equal(when) {
					t.Errorf("%s is of %v, %v", name, info.ModTime(), err)
				}
			}
			if hidden, _ := filepath.Glob(out + "/.*"); len(hidden) > 0 {
				t.Errorf("left behind: %v", hidden)
			}
		})
	}
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// If a mount has no space for its part, nothing has been moved anywhere.
func TestTreeWithFullMount(t *testing.T) {
	root(t)
	out := filepath.Join(t.TempDir(), "out")
	if err := os.MkdirAll(out+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, "none", out+"/sub", "tmpfs", 0, "size=64k")
	old := map[string]string{"a": "old", "sub/f": "old"}
	tree(t, out, old)
	s := stagedTree(t, out, TreeOptions{})
	tree(t, s.Receiving(), map[string]string{"a": "new", "sub/f": "new", "sub/large": strings.Repeat("x", 1<<20)})
	if err := s.Commit(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	s.Discard()
	if got := read(t, out); !maps.Equal(got, old) {
		t.Errorf("got %v", slices.Collect(maps.Keys(got)))
	}
}

func TestTreeWithMountedFile(t *testing.T) {
	root(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	real := put(t, filepath.Join(dir, "real"), "old, and longer")
	tree(t, out, map[string]string{"f": "hidden", "x": "old", "d/f": "hidden", "d/x": "old"})
	mount(t, real, out+"/f", "", syscall.MS_BIND, "")
	s := stagedTree(t, out, TreeOptions{})
	tree(t, s.Receiving(), map[string]string{"f": "new", "a": "new"})
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(real); err != nil || string(text) != "new" {
		t.Errorf("the mounted file holds %q, %v", text, err)
	}
	mount(t, real, out+"/d/f", "", syscall.MS_BIND, "")
	// What is not in the result is removed, mounts excepted.
	s = stagedTree(t, out, TreeOptions{Mirror: true})
	tree(t, s.Receiving(), map[string]string{"a": "newer"})
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, out), (map[string]string{"a": "newer", "f": "new", "d/f": "new"}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A directory cannot take the place of a mount: nothing is moved.
	s = stagedTree(t, out, TreeOptions{})
	tree(t, s.Receiving(), map[string]string{"a": "newest", "f/x": "new"})
	if err := s.Commit(); err == nil || !strings.Contains(err.Error(), out+"/f is a mount") {
		t.Errorf("got %v", err)
	}
	s.Discard()
	if got, want := read(t, out), (map[string]string{"a": "newer", "f": "new", "d/f": "new"}); !maps.Equal(got, want) {
		t.Errorf("after that there is %v", got)
	}
}

// What gives rights to those who find it is not kept unless that was asked for.
func TestTreeIsPlain(t *testing.T) {
	for _, special := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "out")
		s := stagedTree(t, dir, TreeOptions{Special: special})
		tree(t, s.Receiving(), map[string]string{"su": "x", "d/sg": "x", "cap": "x", "plain": "x", "closed/su": "x"})
		set := map[string]fs.FileMode{
			"su": 0o755 | fs.ModeSetuid, "d/sg": 0o750 | fs.ModeSetgid, "d": 0o755 | fs.ModeSetgid | fs.ModeSticky,
			"closed/su": 0o755 | fs.ModeSetuid,
		}
		for name, mode := range set {
			if err := os.Chmod(filepath.Join(s.Receiving(), name), mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Join(s.Receiving(), "closed"), 0); err != nil {
			t.Fatal(err)
		}
		const capability = "security.capability"
		capable := os.Geteuid() == 0 && unix.Setxattr(s.Receiving()+"/cap", capability, []byte("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0) == nil
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := modeOf(t, dir+"/closed"); got.Perm() != 0 {
			t.Errorf("closed is %v", got)
		}
		if err := os.Chmod(dir+"/closed", 0o700); err != nil {
			t.Fatal(err)
		}
		want := []string{"closed/su", "d", "d/sg", "su"}
		if capable {
			want = append(want, "cap")
		}
		slices.Sort(want)
		got := slices.Sorted(slices.Values(s.Plain()))
		if special && len(got) > 0 || !special && !slices.Equal(got, want) {
			t.Errorf("special %v: plain are %v, want %v", special, got, want)
		}
		for name, mode := range set {
			if !special {
				mode &^= fs.ModeSetuid | fs.ModeSetgid
			}
			if got := modeOf(t, filepath.Join(dir, name)) &^ fs.ModeDir; got != mode {
				t.Errorf("special %v: %s is %v, want %v", special, name, got, mode)
			}
		}
		if size, err := unix.Getxattr(dir+"/cap", capability, nil); capable && (err == nil && size > 0) != special {
			t.Errorf("special %v: the capability has %d bytes, %v", special, size, err)
		}
	}
}

func TestTreeWithDevice(t *testing.T) {
	root(t)
	for _, special := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "out")
		tree(t, dir, map[string]string{"a": "old"})
		s := stagedTree(t, dir, TreeOptions{Special: special})
		tree(t, s.Receiving(), map[string]string{"a": "new", "dev/x": "x"})
		device(t, s.Receiving()+"/dev/null", null)
		err := s.Commit()
		s.Discard()
		var refused *PrivilegedError
		if special && (err != nil || modeOf(t, dir+"/dev/null")&fs.ModeDevice == 0) {
			t.Errorf("asked for: %v", err)
		}
		if !special && (!errors.As(err, &refused) || refused.Path != "dev/null") {
			t.Errorf("got %v", err)
		}
		if got := read(t, dir)["a"]; !special && (got != "old" || len(names(t, dir)) != 1) {
			t.Errorf("a holds %q, and there is %v", got, names(t, dir))
		}
	}
}
