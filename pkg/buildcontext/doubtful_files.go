package buildcontext

import (
	"cmp"
	"context"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// The daemon keeps the files of a directory's last transfer, under the directory's key, and
// requests files whose size, mode or modification time differs. That misses a file whose content
// changed while its modification time did not, and the mode of a directory. A survey before the
// build finds what could be missed, without storing anything on this machine:
//
//   - The doubtful files that changed last, up to a limit, are marked in the list, so that the
//     daemon always requests them.
//   - For the others, the key contains the time at which the last series of changes among them
//     began: a transfer under that key was after the series, so the daemon has their current
//     content.
//   - The modes of directories are part of the key, and for directories of such files their inodes:
//     a directory that is replaced by another one contains files that changed long ago.
//
// Only files whose modification time differs from their ctime are doubtful: none of a checkout, all
// that tar or cp -a wrote. Changes less than a pause apart are one series, so that the key contains
// one time for all files that were copied together, which does not change when some of them are
// edited.
const (
	maxSentAgain      = 256 << 10 // bytes
	maxFilesSentAgain = 128
	// pause is the least time between two series of changes. The start of a series is rounded down
	// to a multiple of it, so that it does not depend on one file.
	pause = 250 * time.Millisecond
	// settling is how long a program may take from writing a file to renaming it and setting its
	// mode. A large file that was written so is not doubtful, or each new version of it would make
	// the daemon request the whole directory.
	settling = time.Second
	// coarseness is the maximum difference between the kernel's coarse clock and the clock of a
	// program.
	coarseness = 20 * time.Millisecond
)

// survey is the result of looking for changes that the daemon could miss in a directory.
type survey struct {
	doubtful    []doubt
	directories map[string]directoryState // by name
}

type directoryState struct {
	mode  uint32
	inode inode
}

type doubt struct {
	changed, modified, size int64
	dir                     string // of the file
}

// look walks the directory as it will be sent.
func look(ctx context.Context, files *directory, ignored []string) (*survey, error) {
	s := &survey{directories: map[string]directoryState{}}
	if top, err := files.root.Lstat("."); err == nil {
		s.directories["."] = directoryState{inode: inodeOf(top)}
	}
	watched := &directory{root: files.root, observe: s.note}
	listed, err := fsutil.NewFilterFS(watched, &fsutil.FilterOpt{ExcludePatterns: ignored})
	if err != nil {
		return nil, err
	}
	return s, listed.Walk(ctx, "", func(_ string, _ fs.DirEntry, err error) error { return err })
}

func (s *survey) note(stat *types.Stat, info fs.FileInfo, changed int64) {
	switch {
	case fs.FileMode(stat.Mode).IsDir():
		s.directories[stat.Path] = directoryState{mode: stat.Mode, inode: inodeOf(info)}
	case isDoubtful(stat, changed):
		s.doubtful = append(s.doubtful, doubt{changed: changed, modified: stat.ModTime, size: stat.Size, dir: filepath.Dir(stat.Path)})
	}
}

// split divides the doubtful files into those that are sent again and those that the key covers.
type split struct {
	since int64   // files that changed after it are sent again
	named []doubt // covered by the key, the last changed first; empty if all doubtful files are sent again
}

// split splits at the longest pause between two changes, so that the split is stable when files
// change.
func (s *survey) split() split {
	slices.SortFunc(s.doubtful, func(a, b doubt) int { return cmp.Compare(b.changed, a.changed) })
	limit := int64(0)
	bytes := int64(0)
	for i, file := range s.doubtful {
		bytes += file.size
		if bytes > maxSentAgain || i >= maxFilesSentAgain {
			limit = file.changed // and all with the same time
			break
		}
	}
	unsettled := slices.DeleteFunc(slices.Clone(s.doubtful), doubt.settled)
	if limit == 0 || len(unsettled) == 0 || unsettled[len(unsettled)-1].changed > limit {
		return split{since: limit}
	}
	cut, longest := 0, int64(0)
	for i := 1; i < len(unsettled) && unsettled[i-1].changed > limit; i++ {
		if between := unsettled[i-1].changed - unsettled[i].changed; between >= int64(pause) && between > longest {
			cut, longest = i, between
		}
	}
	return split{since: max(limit, unsettled[cut].changed), named: unsettled[cut:]}
}

// series returns the times at which the last series of changes among the named files began and
// ended.
func (s split) series() (began, ended int64) {
	if len(s.named) == 0 {
		return 0, 0
	}
	began, ended = s.named[0].changed, s.named[0].changed
	for _, file := range s.named {
		if began-file.changed >= int64(pause) {
			break
		}
		began = file.changed
	}
	return began, ended
}

// name adds the files that are not sent again to the key. It waits once for the end of a series
// that may still continue; if the clock of the file system is ahead, it adds the time of the last
// change itself.
func (s split) name(ctx context.Context, into hash.Hash, directories map[string]directoryState) {
	began, ended := s.series()
	over := time.Unix(0, ended).Add(pause)
	if left := time.Until(over); left > 0 {
		wait := time.NewTimer(min(left, pause))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		if time.Now().Before(over) {
			_, _ = into.Write(fmt.Appendf(nil, "\x00until %d", ended))
		}
	}
	_, _ = into.Write(fmt.Appendf(nil, "\x00%d", began/int64(pause)))
	of := map[string]inode{}
	for _, file := range s.named {
		of[file.dir] = directories[file.dir].inode
	}
	for _, dir := range slices.Sorted(maps.Keys(of)) {
		_, _ = into.Write(fmt.Appendf(nil, "\x00%v %s", of[dir], dir))
	}
}

// settled reports whether the file was written when it was changed.
func (d doubt) settled() bool {
	after := time.Duration(d.changed - d.modified)
	return -coarseness <= after && after <= settling
}

// writeModes adds the most frequent mode of the directories and the directories with another one. A
// new directory with the most frequent mode does not change the key.
func (s *survey) writeModes(into hash.Hash) {
	counts := map[uint32]int{}
	for name, dir := range s.directories {
		if name != "." { // the daemon sets its own
			counts[dir.mode]++
		}
	}
	usual := uint32(0)
	for _, mode := range slices.Sorted(maps.Keys(counts)) {
		if counts[mode] > counts[usual] {
			usual = mode
		}
	}
	_, _ = into.Write(fmt.Appendf(nil, "\x00%o", usual))
	for _, name := range slices.Sorted(maps.Keys(s.directories)) {
		if mode := s.directories[name].mode; mode != usual && name != "." {
			_, _ = into.Write(fmt.Appendf(nil, "\x00%o %s", mode, name))
		}
	}
}

// isDoubtful reports whether the modification time of a regular file may not be the time at which
// it was written: the time was set, or the file was renamed or its mode changed later.
func isDoubtful(stat *types.Stat, changed int64) bool {
	return fs.FileMode(stat.Mode).IsRegular() && stat.ModTime != changed
}
