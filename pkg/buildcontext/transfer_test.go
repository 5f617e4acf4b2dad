//go:build linux || darwin

package buildcontext

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
)

// What a daemon does not see by sizes, modes and times reaches it all the same.
func TestChangesThatTimesDoNotShow(t *testing.T) {
	old := time.Unix(1_000_000_000, 0)
	large := func(letter string) string { return strings.Repeat(letter, maxSentAgain+1) }
	for name, c := range map[string]struct {
		before, change func(t *testing.T, dir string)
		sent           []string // nil if all is
	}{
		"the same time": {
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "AAAA", old) },
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "BBBB", old) },
			[]string{"v"},
		},
		"the time of before": {
			func(t *testing.T, dir string) {
				overwrite(t, filepath.Join(dir, "v"), "AAAA", time.Now().Add(-50*time.Millisecond))
			},
			func(t *testing.T, dir string) {
				info, err := os.Stat(filepath.Join(dir, "v"))
				if err != nil {
					t.Fatal(err)
				}
				overwrite(t, filepath.Join(dir, "v"), "BBBB", info.ModTime())
			},
			[]string{"v"},
		},
		"a time to come": {
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "AAAA", old.AddDate(100, 0, 0)) },
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "BBBB", old.AddDate(100, 0, 0)) },
			[]string{"v"},
		},
		"another file's name": {
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "AAAA", old) },
			func(t *testing.T, dir string) {
				other := filepath.Join(t.TempDir(), "v")
				overwrite(t, other, "BBBB", old)
				if err := os.Rename(other, filepath.Join(dir, "v")); err != nil {
					t.Fatal(err)
				}
			},
			[]string{"v"},
		},
		"two names": {
			func(t *testing.T, dir string) {
				overwrite(t, filepath.Join(dir, "v"), "AAAA", old)
				if err := os.Link(filepath.Join(dir, "v"), filepath.Join(dir, "w")); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "BBBB", old) },
			[]string{"v"},
		},
		"a large one": {
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), large("A"), old) },
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), large("B"), old) },
			nil,
		},
		"one of many": {
			func(t *testing.T, dir string) {
				for i := range 2 * maxFilesSentAgain {
					overwrite(t, filepath.Join(dir, fmt.Sprint(i)), "AAAA", old)
				}
			},
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "0"), "BBBB", old) },
			[]string{"0"},
		},
		"one of many, staged": {
			func(t *testing.T, dir string) { stage(t, dir, 2*maxFilesSentAgain, "A") },
			func(t *testing.T, dir string) {
				overwrite(t, filepath.Join(dir, "staged", "7"), "BAAA", stagedAt())
			},
			[]string{"staged/7"},
		},
		"large ones, staged": {
			func(t *testing.T, dir string) { stage(t, dir, 9, large("A")[:maxSentAgain/2+1]) },
			func(t *testing.T, dir string) {
				for _, name := range []string{"staged/6", "staged/7", "staged/8"} {
					overwrite(t, filepath.Join(dir, name), large("B")[:maxSentAgain/2+4], stagedAt())
				}
			},
			nil,
		},
		"all of many, staged again": {
			func(t *testing.T, dir string) { stage(t, dir, 2*maxFilesSentAgain, "A") },
			func(t *testing.T, dir string) { stage(t, dir, 2*maxFilesSentAgain, "B") },
			nil,
		},
		"more than are sent again, staged again": {
			func(t *testing.T, dir string) { stage(t, dir, 3*maxFilesSentAgain, "A") },
			func(t *testing.T, dir string) { stage(t, dir, maxFilesSentAgain+1, "B") },
			nil,
		},
		"a directory that replaces another one": {
			stageTwice,
			func(t *testing.T, dir string) { exchange(t, dir, "first", "second") },
			nil,
		},
		"a directory that replaces the one above": {
			stageTwice,
			func(t *testing.T, dir string) { exchange(t, dir, "first/staged", "second/staged") },
			nil,
		},
		"a directory's mode": {
			func(*testing.T, string) {},
			func(t *testing.T, dir string) {
				if err := os.Chmod(filepath.Join(dir, "sub"), 0o700); err != nil {
					t.Fatal(err)
				}
			},
			nil,
		},
		"a file's mode": {
			func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "v"), "AAAA", time.Now()) },
			func(t *testing.T, dir string) {
				if err := os.Chmod(filepath.Join(dir, "v"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			[]string{"v"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n", "sub/file": "text", "more/file": "text"})
			c.before(t, dir)
			d := &daemon{dir: t.TempDir()}
			d.build(t, dir)
			c.change(t, dir)
			sent := d.build(t, dir)
			if all := slices.Contains(sent, filepath.Join("sub", "file")); all != (c.sent == nil) {
				t.Errorf("all was sent: %v (%q)", all, sent)
			}
			if c.sent != nil && !slices.Equal(sent, c.sent) {
				t.Errorf("sent %q, want %q", sent, c.sent)
			}
			if again := d.build(t, dir); slices.Contains(again, filepath.Join("sub", "file")) {
				t.Errorf("without a change %q were sent", again)
			}
		})
	}
}

// A build of an unchanged directory sends the list alone, and of a changed one what has changed.
func TestOnlyChangesAreSent(t *testing.T) {
	dir := tree(t, map[string]string{
		"Dockerfile": "FROM scratch\n", "a": "1", "sub/b": "2", ".dockerignore": "ignored\n", "ignored/v": "x",
	})
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, "old"), strings.Repeat("x", maxSentAgain+1), time.Unix(1_000_000_000, 0))
	d := &daemon{dir: t.TempDir()}
	if sent := d.build(t, dir); len(sent) != 5 {
		t.Errorf("at first %q were sent", sent)
	}
	for name, c := range map[string]struct {
		change func() error
		sent   []string
	}{
		"nothing":         {func() error { return nil }, nil},
		"an edit":         {func() error { return os.WriteFile(filepath.Join(dir, "a"), []byte("3"), 0o644) }, []string{"a"}},
		"a new directory": {func() error { return os.Mkdir(filepath.Join(dir, "new"), 0o755) }, nil},
		"a removed file":  {func() error { return os.Remove(filepath.Join(dir, "sub/b")) }, nil},
		"an ignored file": {func() error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "ignored/v"), []byte("y"), 0o644), os.Chtimes(filepath.Join(dir, "ignored/v"), time.Unix(1, 0), time.Unix(1, 0)),
				os.Chmod(filepath.Join(dir, "ignored"), 0o700))
		}, nil},
		"an editor's way, large": {func() error {
			path := filepath.Join(dir, ".new")
			err := os.WriteFile(path, []byte(strings.Repeat("y", maxSentAgain+1)), 0o644)
			time.Sleep(20 * time.Millisecond) // the clock of the file system is as coarse as that
			return errors.Join(err, os.Chmod(path, 0o755), os.Rename(path, filepath.Join(dir, "built")))
		}, []string{"built"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.change(); err != nil {
				t.Fatal(err)
			}
			if sent := d.build(t, dir); !slices.Equal(sent, c.sent) {
				t.Errorf("sent %q, want %q", sent, c.sent)
			}
			if sent := d.build(t, dir); len(sent) != 0 {
				t.Errorf("and once more %q", sent)
			}
		})
	}
}

// Two directories that a frontend knows by one name are not taken for one another.
func TestLocalsOfOneNameHaveKeysOfTheirOwn(t *testing.T) {
	dir := tree(t, map[string]string{"context/Dockerfile": "FROM scratch\n", "a/v": "AAAA", "b/v": "BBBB"})
	for _, name := range []string{"a/v", "b/v"} {
		overwrite(t, filepath.Join(dir, name), strings.ToUpper(strings.Repeat(name[:1], 4)), time.Unix(0, 0))
	}
	d := &daemon{dir: t.TempDir()}
	for _, name := range []string{"a", "b", "a"} {
		c, err := Locals(t.Context(), []Local{{Name: "context", Dir: "context"}, {Name: "n", Dir: name}}, nil, Environment{WorkingDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var opt client.SolveOpt
		c.Apply(&opt)
		d.receive(t, opt, "n") // compares what has arrived
	}
}

func TestSendAnew(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch\n", "a": "1", "n/b": "2"})
	d := &daemon{dir: t.TempDir()}
	for i, want := range [][]string{{"Dockerfile", "a", "n/b"}, nil, {"Dockerfile", "a", "n/b"}} {
		c, err := resolve(t.Context(), input{Path: dir, Named: []Named{{Name: "x", Value: filepath.Join(dir, "n")}}}, Environment{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			c.SendAnew()
		}
		var opt client.SolveOpt
		c.Apply(&opt)
		if d.receive(t, opt, "context"); !slices.Equal(d.sent, want) {
			t.Errorf("build %d: sent %q, want %q", i, d.sent, want)
		}
		if d.receive(t, opt, "x"); (len(d.sent) == 1) != (want != nil) {
			t.Errorf("build %d: of the named context %q were sent", i, d.sent)
		}
	}
}
