package pkg_test

import "testing"

// writers are the functions that create, replace or remove files.
func writers() names {
	system := []string{
		"Chmod", "Chown", "Creat", "Fchmodat", "Fchownat", "Lchown", "Link", "Linkat", "Mkdir", "Mkdirat", "Mkfifo", "Mkfifoat", "Mknod", "Mknodat",
		"Open", "Openat", "Openat2", "Rename", "Renameat", "Renameat2", "Rmdir", "Symlink", "Symlinkat", "Truncate", "Unlink", "Unlinkat",
	}
	return names{
		"os": {
			"Chmod", "Chown", "Chtimes", "CopyFS", "Create", "CreateTemp", "Lchown", "Link", "Mkdir", "MkdirAll", "MkdirTemp", "OpenFile",
			"Remove", "RemoveAll", "Rename", "Symlink", "Truncate", "WriteFile",
		},
		"syscall":                             system,
		"golang.org/x/sys/unix":               system,
		"github.com/containerd/continuity":    {"AtomicWriteFile"},
		"github.com/containerd/continuity/fs": {"CopyDir", "CopyFile"},
		"github.com/moby/sys/atomicwriter":    {},
		"io/ioutil":                           {},
	}
}

// All that the commands leave on this machine is written by pkg/safefile, which knows devices,
// links, mounts, modes and full disks.
func TestOneWriter(t *testing.T) {
	refuse(t, outside(uses(t, writers()), "safefile/write"), allowed{
		"proxy/socket.go:Close":                 "removes the socket that this process listens at",
		"proxy/socket.go:clearStale":            "removes a stale socket",
		"proxy/path.go:private":                 "makes the directory of this user's sockets",
		"proxy/path.go:TemporaryPath":           "makes the directory of one command's socket, and removes it",
		"registryauth/token_authority.go:store": "stores a key of this client unless another process has, or replaces one that a crash has cut off",
	}, "write with safefile.Target or safefile.Tree")
}
