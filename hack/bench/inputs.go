package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	treeFiles   = 4000
	treeBytes   = 27 << 20
	randomBytes = 512 << 20
	largestFile = 160 << 10 // larger ones are left out of the tree: so many files have that many bytes then
	smallFiles  = 50_000
	smallBytes  = 300
)

// tree is a context that the daemon does not know: a new copy of the source tree for every run, with one file of its
// own, so that no step is cached either.
func tree(ctx context.Context, w *workshop) ([]contender, error) {
	original, err := w.sourceTree(ctx)
	if err != nil {
		return nil, err
	}
	return w.everyone(func(c client) contender {
		dir := ""
		return contender{client: c, before: func(context.Context) (err error) {
			if dir != "" {
				_ = os.RemoveAll(dir)
			}
			dir, err = w.copyOf(original)
			return err
		}, command: func() []string { return w.build(c, dir, "") }}
	}), nil
}

// changed is the same directory again, with another text in one file.
func changed(ctx context.Context, w *workshop) ([]contender, error) {
	original, err := w.sourceTree(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	contenders := w.everyone(func(c client) contender {
		dir, err := w.copyOf(original)
		if err != nil {
			failed = err
		}
		return contender{client: c, before: func(context.Context) error { return stamp(dir) },
			command: func() []string { return w.build(c, dir, "") }}
	})
	return contenders, failed
}

// random is one large file that does not shrink. Its new time makes every client send it again; its content is known, so
// that the step after it is cached, and what is measured is the way to the daemon.
func random(_ context.Context, w *workshop) ([]contender, error) {
	dir, err := w.context("random", "FROM scratch", "COPY data /data")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "data")
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(file, rand.Reader, randomBytes); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return w.everyone(func(c client) contender {
		return contender{
			client:  c,
			before:  func(context.Context) error { return os.Chtimes(path, time.Now(), time.Now()) },
			command: func() []string { return w.build(c, dir, "") },
		}
	}), nil
}

// small is many files in a directory that the daemon does not know: it has another name for every run. Their times change
// as well, for buildctl, which does not tell the daemon of the name. Their content is known, as in random. Files are not
// made anew nor removed between the runs: for minutes after it freed many inodes, ext4 makes new ones ever more slowly.
func small(_ context.Context, w *workshop) ([]contender, error) {
	dir, err := w.context("small", "FROM scratch", "COPY files /files")
	if err != nil {
		return nil, err
	}
	paths, err := writeSmall(dir)
	if err != nil {
		return nil, err
	}
	renew := func(context.Context) error {
		for _, path := range paths {
			if err := os.Chtimes(filepath.Join(dir, path), time.Now(), time.Now()); err != nil {
				return err
			}
		}
		old := dir
		dir = filepath.Join(w.dir, "small-"+rand.Text())
		return os.Rename(old, dir)
	}
	return w.everyone(func(c client) contender {
		return contender{client: c, before: renew, command: func() []string { return w.build(c, dir, "") }}
	}), nil
}

// writeSmall writes the small files and says where they are in dir.
func writeSmall(dir string) (paths []string, err error) {
	line := strings.Repeat("a line of some file, as there are many\n", smallBytes/39+1)
	for i := range smallFiles {
		path := filepath.Join("files", fmt.Sprintf("%03d", i/500), fmt.Sprintf("%05d", i))
		if i%500 == 0 {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
				return nil, err
			}
		}
		text := fmt.Sprintf("%05d %s", i, line)[:smallBytes]
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// sourceTree is real source: what the Go toolchain brings, as far as treeFiles and treeBytes go.
func (w *workshop) sourceTree(ctx context.Context) (string, error) {
	dir := filepath.Join(w.dir, "tree")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("finding sources: %w", err)
	}
	if _, err := w.context("tree", "FROM scratch", "COPY . /"); err != nil {
		return "", err
	}
	from := filepath.Join(strings.TrimSpace(string(root)), "src")
	files, bytes := 0, int64(0)
	err = filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Size() > largestFile {
			return err
		}
		if files == treeFiles || bytes+info.Size() > treeBytes {
			return fs.SkipAll
		}
		files, bytes = files+1, bytes+info.Size()
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(path, filepath.Join(dir, below))
	})
	fmt.Fprintf(w.log, "  the tree: %d files, %.1f MB\n", files, float64(bytes)/1e6)
	return dir, err
}

// copyOf is a copy of the directory under a new name, with a stamp.
func (w *workshop) copyOf(dir string) (string, error) {
	to, err := os.MkdirTemp(w.dir, "copy-")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		return "", err
	}
	return to, stamp(to)
}

// stamp gives the directory a file that no other build has had.
func stamp(dir string) error {
	return os.WriteFile(filepath.Join(dir, "stamp"), []byte(rand.Text()), 0o644)
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}
