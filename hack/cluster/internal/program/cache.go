package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Cache is the directory of built programs, one directory per key.
type Cache struct {
	dir       string
	sources   string // the directory with one Go module per directory
	toolchain string
	progress  io.Writer
	compile   func(ctx context.Context, program Program, path string) error
}

// NewCache returns the cache in dir of the programs whose modules are below sources. What is built, how far it is and how
// long it takes is written to progress, in whole lines, which a log shows as well as a terminal.
func NewCache(ctx context.Context, dir, sources string, progress io.Writer) (*Cache, error) {
	command := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH")
	command.Dir = sources
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("asking Go for its version: %w", err)
	}
	c := &Cache{dir: dir, sources: sources, toolchain: strings.Join(strings.Fields(string(output)), " "), progress: progress}
	c.compile = c.goBuild
	return c, nil
}

// Path is where the named program is, or will be when it is built.
func (c *Cache) Path(name string) (string, error) {
	program, err := find(name)
	if err != nil {
		return "", err
	}
	key, err := program.key(filepath.Join(c.sources, program.Module), c.toolchain)
	if err != nil {
		return "", err
	}
	return filepath.Join(c.dir, key, program.Name), nil
}

// Build builds those of the named programs that are missing, and returns the path of each by its name.
func (c *Cache) Build(ctx context.Context, names ...string) (map[string]string, error) {
	paths := make(map[string]string)
	var missing []Program
	for _, name := range names {
		path, err := c.Path(name)
		if err != nil {
			return nil, err
		}
		paths[name] = path
		if _, err := os.Stat(path); err == nil {
			continue
		}
		program, err := find(name)
		if err != nil {
			return nil, err
		}
		missing = append(missing, program)
	}
	if len(missing) == 0 {
		return paths, nil
	}
	report := newReport(c.progress, missing)
	for _, program := range missing {
		if err := c.build(ctx, report, program, paths[program.Name]); err != nil {
			return nil, fmt.Errorf("building program %q: %w", program.Name, err)
		}
	}
	return paths, nil
}

// build makes one program under a lock, so that two runs do not compile the same at a time on few cores, and puts it in
// place by renaming: whatever lies under its final name is whole.
func (c *Cache) build(ctx context.Context, report *report, program Program, path string) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		report.skip(program) // the run that held the lock built it
		return nil
	}
	temporary, err := c.temporary()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	built := filepath.Join(temporary, program.Name)
	end := report.begin(program)
	err = c.compile(ctx, program, built)
	end()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(built, path)
}

// goBuild compiles a program from its module.
func (c *Cache) goBuild(ctx context.Context, program Program, path string) error {
	command := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", path}, program.flags()...), program.Package)...)
	command.Dir = filepath.Join(c.sources, program.Module)
	command.Env = append(os.Environ(), program.environment()...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w:\n%s", err, output)
	}
	return nil
}

// temporary makes a directory for one build, after clearing those of killed runs: the caller holds the lock, so no run that
// lives has one. A compiler that outlived its run can write into its own directory only.
func (c *Cache) temporary() (string, error) {
	stale, err := filepath.Glob(filepath.Join(c.dir, ".building-*"))
	if err != nil {
		return "", err
	}
	for _, dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(c.dir, ".building-*")
}

// lock waits until no other run builds.
func (c *Cache) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(c.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for waits := false; ; waits = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, err
		}
		if !waits {
			fmt.Fprintln(c.progress, "  waiting for another run, which is building")
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// ModuleFile reads a file of the source of the Go module that the named program is built from.
func (c *Cache) ModuleFile(ctx context.Context, name, module, file string) ([]byte, error) {
	program, err := find(name)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	command.Dir = filepath.Join(c.sources, program.Module)
	command.Env = append(os.Environ(), program.environment()...)
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("finding Go module %q: %w", module, err)
	}
	dir := strings.TrimSpace(string(output))
	if dir == "" {
		return nil, fmt.Errorf("finding Go module %q: %w", module, fs.ErrNotExist)
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	if err != nil {
		return nil, fmt.Errorf("reading a file of Go module %q: %w", module, err)
	}
	return data, nil
}
