// Package writing is what TestWritesAreFound reads. It is not compiled.
package writing

import (
	_ "io/ioutil"
	sys "os"

	"github.com/containerd/continuity"
	"golang.org/x/sys/unix"
)

func writes(path string) {
	_, _ = sys.Create(path)
	open := sys.OpenFile
	_, _ = open(path, sys.O_WRONLY, 0)
	_ = sys.Rename(path, path)
	_ = unix.Unlink(path)
	_ = continuity.AtomicWriteFile(path, nil, 0)
	_, _ = sys.ReadFile(path)
	os := struct{ Create func() }{}
	os.Create()
}
