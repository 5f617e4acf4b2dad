package safefile

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// accessList lets another user read a file.
func accessList() []byte {
	text := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range []struct {
		tag, mode uint16
		id        uint32
	}{{1, 6, ^uint32(0)}, {2, 4, 1234}, {4, 4, ^uint32(0)}, {0x10, 4, ^uint32(0)}, {0x20, 0, ^uint32(0)}} {
		text = binary.LittleEndian.AppendUint16(text, entry.tag)
		text = binary.LittleEndian.AppendUint16(text, entry.mode)
		text = binary.LittleEndian.AppendUint32(text, entry.id)
	}
	return text
}

// A file that is replaced keeps its extended attributes and its access control list, also if it was
// to be removed first.
func TestAttributesAreKept(t *testing.T) {
	for name, run := range map[string]func(*Target) error{
		"written": func(target *Target) error { return target.Write(t.Context(), []byte("new")) },
		"removed, and written": func(target *Target) error {
			return errors.Join(target.RemoveStale(), target.Write(t.Context(), []byte("new")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"user.note": "kept", "system.posix_acl_access": string(accessList())}
			for attribute, value := range want {
				if err := unix.Setxattr(path, attribute, []byte(value), 0); errors.Is(err, unix.ENOTSUP) {
					delete(want, attribute) // e.g. on a tmpfs
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if len(want) == 0 {
				t.Skip("this file system has no extended attributes")
			}
			if err := run(target(t, path)); err != nil {
				t.Fatal(err)
			}
			for attribute, value := range want {
				got := make([]byte, 100)
				size, err := unix.Getxattr(path, attribute, got)
				if err != nil || string(got[:max(size, 0)]) != value {
					t.Errorf("%s is %q, %v", attribute, got[:max(size, 0)], err)
				}
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != "new" || modeOf(t, path) != 0o640 {
				t.Errorf("it holds %q with mode %v, %v", text, modeOf(t, path), err)
			}
		})
	}
}

// Credentials become their owner's alone.
func TestPrivateFilesLoseTheirAccessList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte("{}"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(path, "system.posix_acl_access", accessList(), 0); err != nil {
		t.Skipf("this file system has no access control lists: %v", err)
	}
	private, err := NewTarget(path, TargetOptions{Private: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := private.Write(t.Context(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if size, err := unix.Getxattr(path, "system.posix_acl_access", make([]byte, 100)); err == nil {
		t.Errorf("others may read it by a list of %d bytes", size)
	}
	if modeOf(t, path) != 0o600 {
		t.Errorf("it has mode %v", modeOf(t, path))
	}
}
