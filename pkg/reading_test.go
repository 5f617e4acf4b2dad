package pkg_test

import "testing"

// readers are the functions that look at files.
func readers() names {
	return names{
		"os":                           {"Open", "OpenFile", "OpenRoot", "OpenInRoot", "ReadFile", "ReadDir", "Readlink", "Stat", "Lstat", "DirFS", "CopyFS"},
		"path/filepath":                {"Walk", "WalkDir", "EvalSymlinks", "Glob"},
		"io/ioutil":                    {},
		"crypto/tls":                   {"LoadX509KeyPair"},
		"syscall":                      {"Open", "Openat", "Stat", "Lstat", "Readlink"},
		"golang.org/x/sys/unix":        {"Open", "Openat", "Openat2", "Stat", "Lstat", "Readlink", "Readlinkat"},
		"github.com/tonistiigi/fsutil": {"NewFS", "NewRootFS", "NewRoot", "Walk", "WalkDir", "Stat"},
		"github.com/moby/buildkit/client/ociindex":                  {},
		"github.com/containerd/containerd/v2/plugins/content/local": {},
	}
}

// Files of the user are read through safefile alone: a place of its own follows links out of what
// the user named, waits for ever at a pipe, or takes a terabyte into memory.
func TestFilesAreReadThroughSafefile(t *testing.T) {
	const (
		socket = "it looks at the socket that this plugin made, and follows no link to it"
		config = "it reads the docker config of the user, regular and bounded, by its own errors"
	)
	refuse(t, outside(uses(t, readers()), "safefile/"), allowed{
		"proxy/path.go:Directory":                          socket,
		"proxy/path.go:private":                            socket,
		"proxy/signal_unix.go:fromTerminal":                "it asks the terminal who is in the foreground, and reads nothing",
		"proxy/socket.go:Listen":                           socket,
		"proxy/socket.go:Close":                            socket,
		"proxy/socket.go:clearStale":                       socket,
		"registryauth/token_authority.go:store":            "it replaces the docker config, and follows the user's own link to it",
		"registryauth/docker_config.go:readBounded":        config,
		"registryauth/docker_config_write.go:openDocument": config,
		"registryauth/buildx_config.go:findScoped":         config,
		"registryauth/config_summary.go:Summary":           config,
	}, "read through pkg/safefile")
}
