package buildcontext

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/buildkit/identity"
	"github.com/tonistiigi/fsutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// maxMachineID is the maximum size of the file with the machine ID, in bytes.
const maxMachineID = 1 << 10

// sent is a directory that is sent, with the key of the files that the daemon already has of it.
type sent struct {
	dir   string
	files *directory
	// surveyed returns the survey, which runs once, in the background, while the client connects to
	// the builder.
	surveyed func() surveyed
}

// surveyed is the result of a survey.
type surveyed struct {
	key   string
	since int64
}

// send mounts the directory without the ignored files, which the daemon cannot request.
func (c *Context) send(ctx context.Context, mount, dir string, ignored []string) error {
	files, err := openDirectory(dir)
	if err != nil {
		return err
	}
	s := &sent{dir: dir, files: files}
	s.surveyed = sync.OnceValue(func() surveyed { return s.survey(ctx, ignored) })
	files.since = func() int64 { return s.surveyed().since }
	go s.surveyed()
	var listed fsutil.FS = files
	if len(ignored) > 0 {
		if listed, err = fsutil.NewFilterFS(files, &fsutil.FilterOpt{ExcludePatterns: ignored}); err != nil {
			return err
		}
	}
	c.mounts[mount], c.dirs[mount], c.sent[mount] = listed, dir, s
	return nil
}

// survey ignores files that cannot be read; the transfer reports them.
func (s *sent) survey(ctx context.Context, ignored []string) surveyed {
	sum := identify(s.dir)
	found, err := look(ctx, s.files, ignored)
	if err != nil {
		return surveyed{key: encode(s.dir, sum)}
	}
	doubts := found.split()
	found.writeModes(sum)
	doubts.name(ctx, sum, found.directories)
	return surveyed{key: encode(s.dir, sum), since: doubts.since}
}

// SendAnew sets new keys for all directories, so that the daemon requests all files.
func (c *Context) SendAnew() {
	c.anew = identity.NewID()
}

// key returns the shared key of a mount.
func (c *Context) key(mount string) string {
	s := c.sent[mount]
	if s == nil {
		return ""
	}
	return s.surveyed().key + c.anew
}

// identify returns a hash that identifies a directory of this user on this machine. The daemon
// compares sizes and times only, so two machines must never have the same key.
func identify(dir string) hash.Hash {
	sum := sha256.New()
	_, _ = sum.Write([]byte(strings.Join([]string{machine(), owner(), safefile.RealPath(dir)}, "\x00")))
	return sum
}

func encode(dir string, sum hash.Hash) string {
	return filepath.Base(dir) + ":" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// machine returns the host name and the machine ID: containers of one image often
// have the same ID, and host names are often the same too.
func machine() string {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	id, err := safefile.Read("/etc/machine-id", maxMachineID)
	if err != nil {
		return name
	}
	return name + " " + strings.TrimSpace(string(id))
}

func owner() string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return strconv.Itoa(os.Getuid()) + " " + home
}
