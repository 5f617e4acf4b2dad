package upload

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tonistiigi/fsutil"
)

// MaxContent is the maximum content of a message, in bytes. gRPC has buffers of 32 KiB, and of 1
// MiB for anything larger, which client and daemon clear before every use: for a message with 32
// KiB of content that costs more than all else.
const MaxContent = 32<<10 - 64

// depth is the number of path elements that are counted separately, so that a tree of any size
// needs little memory.
const depth = 3

// Meter counts what is sent of each directory.
type Meter struct {
	link    Link
	options Options
	now     func() time.Time
	mu      sync.Mutex
	bytes   int64                // content of all files so far
	latest  map[string]*transfer // by the name of the mount
}

func newMeter(options Options, link Link) *Meter {
	return &Meter{link: link, options: options, now: time.Now, latest: map[string]*transfer{}}
}

// transfer is one upload of a directory; a later one replaces it.
type transfer struct {
	began time.Time
	bytes int64 // the meter's when it began
	wire  int64 // the link's when it began
	sizes map[string]int64

	changed []string // the first files that were written to while they were sent
	changes int      // how many there were
}

// begin starts counting for the directory.
func (m *Meter) begin(name string) {
	wire, _ := m.link.Written()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latest[name] = &transfer{began: m.now(), bytes: m.bytes, wire: wire, sizes: map[string]int64{}}
}

// sent counts a file that was sent, or a part of it.
func (m *Meter) sent(name, file string, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.latest[name]
	if current == nil {
		return
	}
	parts := strings.Split(path.Clean(strings.ReplaceAll(file, `\`, "/")), "/")
	for i := 1; i <= min(len(parts), depth); i++ {
		current.sizes[strings.Join(parts[:i], "/")] += bytes
	}
}

func (m *Meter) count(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += int64(bytes)
}

// figures are the measurements of a directory's upload so far.
type figures struct {
	content, wire int64 // bytes of files, and on the wire
	took          time.Duration
}

// figures returns the measurements of everything that was sent since the directory's upload began:
// concurrent uploads share the connection.
func (m *Meter) figures(name string) (figures, bool) {
	wire, _ := m.link.Written()
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.latest[name]
	if current == nil {
		return figures{}, false
	}
	return figures{content: m.bytes - current.bytes, wire: wire - current.wire, took: m.now().Sub(current.began)}, true
}

// share is a path and the number of bytes that were sent of it.
type share struct {
	path  string
	bytes int64
}

// largest returns the paths of which most bytes were sent, at most maxPaths, and the bytes sent in
// total. In place of a directory that consists almost entirely of one entry it returns that entry.
func (m *Meter) largest(name string) (all []share, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.latest[name]
	if current == nil {
		return nil, 0
	}
	children := map[string][]string{}
	for _, file := range slices.Sorted(maps.Keys(current.sizes)) {
		children[path.Dir(file)] = append(children[path.Dir(file)], file)
	}
	for _, top := range children["."] {
		total += current.sizes[top]
		all = append(all, share{path: current.narrow(top, children), bytes: current.sizes[top]})
	}
	slices.SortStableFunc(all, func(a, b share) int { return cmp.Compare(b.bytes, a.bytes) })
	return all[:min(maxPaths, len(all))], total
}

// narrow descends as long as one entry has nine tenths of its directory.
func (t *transfer) narrow(dir string, children map[string][]string) string {
	for _, child := range children[dir] {
		if t.sizes[child]*10 >= t.sizes[dir]*9 {
			return t.narrow(child, children)
		}
	}
	return dir
}

// countedFS reports everything that is read to the meter.
type countedFS struct {
	fsutil.FS
	name  string
	meter *Meter
}

func (f countedFS) Open(file string) (io.ReadCloser, error) {
	opened, err := f.FS.Open(file)
	if err != nil {
		return nil, err
	}
	counted := &countedFile{ReadCloser: opened, path: file, fs: f}
	counted.opened, counted.known = versionOf(opened)
	return counted, nil
}

type countedFile struct {
	io.ReadCloser
	path   string
	bytes  int64
	fs     countedFS
	opened version
	known  bool // whether opened is
}

// Read returns as much as fits into one of gRPC's buffers together with the rest of the message.
func (f *countedFile) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b[:min(len(b), MaxContent)])
	f.bytes += int64(n)
	if errors.Is(err, io.EOF) && f.known {
		if now, ok := versionOf(f.ReadCloser); ok && (now != f.opened) {
			f.fs.meter.changed(f.fs.name, f.path)
			f.known = false
		}
	}
	return n, err
}

func (f *countedFile) Close() error {
	f.fs.meter.sent(f.fs.name, f.path, f.bytes)
	return f.ReadCloser.Close()
}
