//go:build linux || darwin

package buildcontext

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// stagedAt is when what is staged was written, as its time has it.
func stagedAt() time.Time { return time.Unix(1_000_000_000, 0) }

// stage writes files as tar and cp -a do, in one go: again, if this machine paused.
func stage(t *testing.T, dir string, count int, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "staged"), 0o755); err != nil {
		t.Fatal(err)
	}
	for longest := pause; longest >= pause/2; {
		longest = 0
		for i := range count {
			began := time.Now()
			overwrite(t, filepath.Join(dir, "staged", fmt.Sprint(i)), text+"AAA", stagedAt())
			longest = max(longest, time.Since(began))
		}
	}
}

// stageTwice leaves two directories that differ in nothing but the content of their files, and more
// files that were staged after both.
func stageTwice(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{"first": "A", "second": "B"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		stage(t, filepath.Join(dir, name), 2*maxFilesSentAgain, text)
	}
	stage(t, dir, 2*maxFilesSentAgain, "A")
}

// exchange gives two directories each other's name, as a deployment by renaming does.
func exchange(t *testing.T, dir, a, b string) {
	t.Helper()
	a, b = filepath.Join(dir, a), filepath.Join(dir, b)
	if err := errors.Join(os.Rename(a, a+".old"), os.Rename(b, a), os.Rename(a+".old", b)); err != nil {
		t.Fatal(err)
	}
}

// A tree that tar or cp -a wrote, with more files than are sent again, goes once: then each edit
// goes alone, whichever file is edited.
func TestStagedTreesAreSentOnce(t *testing.T) {
	const count = 3 * maxFilesSentAgain
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	stage(t, dir, count, "A")
	d := &daemon{dir: t.TempDir()}
	if sent := d.build(t, dir); len(sent) != count+1 {
		t.Errorf("at first %d files were sent", len(sent))
	}
	for _, i := range []int{count - 1, count - 2, count / 2, count/2 + 1, count - maxFilesSentAgain, count - maxFilesSentAgain - 1} {
		name := filepath.Join("staged", fmt.Sprint(i))
		if err := os.WriteFile(filepath.Join(dir, name), []byte("edited"), 0o644); err != nil {
			t.Fatal(err)
		}
		if sent := d.build(t, dir); !slices.Equal(sent, []string{name}) {
			t.Errorf("after an edit of %s %d files were sent", name, len(sent))
		}
	}
	overwrite(t, filepath.Join(dir, "staged", "9"), "BAAA", stagedAt())
	for range 2 { // what was changed unseen goes again and again, and takes nothing with it
		if sent := d.build(t, dir); !slices.Equal(sent, []string{filepath.Join("staged", "9")}) {
			t.Errorf("after a change with the time kept %d files were sent", len(sent))
		}
	}
}

// A series of changes has one name, whichever of its files are edited; the next series has another
// one.
func TestSeriesHaveOneName(t *testing.T) {
	name := func(offsets ...time.Duration) string {
		s := &survey{}
		for _, offset := range offsets {
			s.doubtful = append(s.doubtful, doubt{changed: stagedAt().Add(offset).UnixNano(), size: maxSentAgain + 1})
		}
		sum := sha256.New()
		s.split().name(t.Context(), sum, nil)
		return encode("d", sum)
	}
	const step = pause * 4 / 5
	whole := name(0, step/9, step, 2*step, 3*step, 4*step)
	for i, some := range []string{name(0, step/9, step, 2*step, 3*step), name(step/9, step, 2*step, 3*step, 4*step), name(0, step, 2*step, 3*step, 4*step)} {
		if some != whole {
			t.Errorf("without some of its files it has another name (%d)", i)
		}
	}
	for i, other := range []string{name(0, step, 2*step, 3*step, 4*step, 6*step), name(2*step, 3*step, 4*step), name()} {
		if other == whole {
			t.Errorf("another series has its name (%d)", i)
		}
	}
}

// A file system whose clock is ahead costs a transfer, and hides no change.
func TestClockOfTheFileSystemAhead(t *testing.T) {
	ahead := time.Now().Add(time.Hour).UnixNano()
	name := func(changed ...int64) string {
		s := &survey{}
		for _, at := range changed {
			s.doubtful = append(s.doubtful, doubt{changed: at, size: maxSentAgain + 1})
		}
		sum := sha256.New()
		s.split().name(t.Context(), sum, nil)
		return encode("d", sum)
	}
	began := time.Now()
	if name(ahead) == name(ahead, ahead+1) {
		t.Error("a change has the name of before")
	}
	if took := time.Since(began); took > 8*pause {
		t.Errorf("it took %v", took)
	}
}
