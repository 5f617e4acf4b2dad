package request

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// applyFiles checks where the result is to be written, by writing there: only
// that finds full disks and read-only file systems before the build.
func (o Output) applyFiles(r *Request, env Environment) error {
	files := []struct {
		flag, typed string
		path        *string
	}{
		{"--metadata-file", o.MetadataFile, &r.files.Metadata},
		{"--iidfile", o.ImageIDFile, &r.files.ImageID},
		{"--ref-file", o.RefFile, &r.files.Ref},
		{"--trace", o.Trace, &r.files.Trace},
		{"--report", o.Report, &r.files.Report},
	}
	for _, file := range files {
		if file.typed == "" {
			continue
		}
		path := absolute(env, file.typed)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return &UsageError{Flag: file.flag, Value: file.typed, Reason: "it is a directory", Next: "name a file"}
		}
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return &UsageError{
				Flag: file.flag, Value: file.typed, Reason: "no such directory: " + filepath.Dir(path), Next: "create it first",
			}
		}
		if err := checkWritable(filepath.Dir(path)); err != nil {
			return &UsageError{Flag: file.flag, Value: file.typed, Reason: err.Error()}
		}
		*file.path = path
	}
	return o.checkImageID(r)
}

func (o Output) checkImageID(r *Request) error {
	if o.ImageIDFile == "" {
		return nil
	}
	for _, out := range r.outputs {
		if out.kind == typeLocal || out.kind == typeTar {
			return &UsageError{
				Flag: "--iidfile", Value: o.ImageIDFile, Reason: "an output of type=" + out.kind + " has no image ID",
				Next: "leave one of them out",
			}
		}
	}
	return nil
}

func (r *Request) removeStaleImageID() error {
	if r.files.ImageID == "" {
		return nil
	}
	err := os.Remove(r.files.ImageID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the stale image ID file: %w", err)
	}
	return nil
}

// checkWritable tries the nearest directory that exists, since the missing ones
// are made later.
func checkWritable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil {
			if !info.IsDir() {
				return fmt.Errorf("%s is not a directory", dir)
			}
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return err
		}
		dir = parent
	}
	probe, err := os.CreateTemp(dir, ".kubectl-buildkit-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written to: %w", dir, err)
	}
	defer func() { _ = os.Remove(probe.Name()) }()
	return probe.Close()
}

// realPath follows symbolic links as far as the path exists.
func realPath(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(realPath(parent), filepath.Base(path))
}
