package buildcontext

import (
	"cmp"
	"context"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// The daemon keeps what a directory's last transfer left, under the directory's key, and asks for files whose size, mode
// or time of modification differs from what it has. That misses a file with other content whose time was set back, and
// another mode of a directory. A survey before the build finds out what could be missed, without noting anything on
// this machine:
//
//   - The doubtful files that changed last, up to a bound, are marked in the list, so that the daemon asks for them in any case.
//   - Of the other doubtful files the latest time of change is part of the key. What the daemon has under that key is
//     from a transfer after that time, so it has all of them as they are.
//   - The modes of directories are part of the key.
//
// Only files whose times of modification and of change differ are doubtful. A checkout has none.
const (
	maxSentAgain      = 256 << 10 // bytes
	maxFilesSentAgain = 128
	// settling is how long a program may take from writing a file to giving it its name and mode. A large file which was
	// written that way is not doubtful, or each new version of it would make the daemon ask for the whole directory.
	settling = time.Second
)

// survey is what the daemon could miss in a directory.
type survey struct {
	doubtful    []doubt
	directories map[string]uint32 // modes by name
}

type doubt struct{ changed, modified, size int64 }

// look walks through the directory as it will be sent.
func look(ctx context.Context, files *directory, ignored []string) (*survey, error) {
	s := &survey{directories: map[string]uint32{}}
	watched := &directory{root: files.root, observe: s.note}
	listed, err := fsutil.NewFilterFS(watched, &fsutil.FilterOpt{ExcludePatterns: ignored})
	if err != nil {
		return nil, err
	}
	return s, listed.Walk(ctx, "", func(_ string, _ fs.DirEntry, err error) error { return err })
}

func (s *survey) note(stat *types.Stat, changed int64) {
	switch {
	case fs.FileMode(stat.Mode).IsDir():
		s.directories[stat.Path] = stat.Mode
	case doubtful(stat, changed):
		s.doubtful = append(s.doubtful, doubt{changed: changed, modified: stat.ModTime, size: stat.Size})
	}
}

// split returns the time after which changed files are sent again, and the latest change, 0 if there is none, of those
// doubtful files which are not.
func (s *survey) split() (since, latest int64) {
	slices.SortFunc(s.doubtful, func(a, b doubt) int { return cmp.Compare(b.changed, a.changed) })
	bytes := int64(0)
	for i, file := range s.doubtful {
		bytes += file.size
		if bytes > maxSentAgain || i >= maxFilesSentAgain {
			since = file.changed // and all of the same time
			break
		}
	}
	for _, file := range s.doubtful {
		if file.changed <= since && !file.settled() {
			return since, file.changed
		}
	}
	return since, 0
}

// settled reports whether the file was written when it was changed. A program that sets the time to now sets one a little
// after the kernel's, whose clock is coarser.
func (d doubt) settled() bool {
	return max(d.changed-d.modified, d.modified-d.changed) <= int64(settling)
}

// writeModes adds the usual mode of the directories and those which have another one. A new directory of the usual mode
// changes nothing.
func (s *survey) writeModes(into hash.Hash) {
	counts := map[uint32]int{}
	for _, mode := range s.directories {
		counts[mode]++
	}
	usual := uint32(0)
	for _, mode := range slices.Sorted(maps.Keys(counts)) {
		if counts[mode] > counts[usual] {
			usual = mode
		}
	}
	_, _ = into.Write(fmt.Appendf(nil, "\x00%o", usual))
	for _, name := range slices.Sorted(maps.Keys(s.directories)) {
		if mode := s.directories[name]; mode != usual {
			_, _ = into.Write(fmt.Appendf(nil, "\x00%o %s", mode, name))
		}
	}
}
