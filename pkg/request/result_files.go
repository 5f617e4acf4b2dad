package request

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Files are the files of the result; nil if not requested.
type Files struct {
	Metadata *safefile.Target
	ImageID  *safefile.Target
	Ref      *safefile.Target // the build's reference, whether it succeeds or not
	Trace    *safefile.Target // every status of the daemon, as JSON
	Report   *safefile.Target // the report of the build, whether it succeeds or not
}

// traceFlag is that of the one file which is not replaced.
const traceFlag = "--trace"

// written is a file of the result, with its flag.
type written struct {
	flag, typed string
	target      *safefile.Target
}

// applyFiles checks the files of the result. It writes nothing.
func (o Output) applyFiles(r *Request, env Environment) error {
	var all []written
	for _, file := range []struct {
		flag, typed string
		target      **safefile.Target
	}{
		{"--metadata-file", o.MetadataFile, &r.files.Metadata},
		{"--iidfile", o.ImageIDFile, &r.files.ImageID},
		{"--ref-file", o.RefFile, &r.files.Ref},
		{traceFlag, o.Trace, &r.files.Trace},
		{"--report", o.Report, &r.files.Report},
	} {
		if file.typed == "" {
			continue
		}
		target, err := safefile.NewTarget(named(env, file.typed), safefile.TargetOptions{Append: file.flag == traceFlag})
		var cannot *safefile.UnwritableError
		switch {
		case errors.As(err, &cannot):
			return &usage.Error{What: file.flag, Value: file.typed, Reason: cannot.Reason, Next: cannot.Next}
		case err != nil:
			return err
		}
		*file.target = target
		all = append(all, written{file.flag, file.typed, target})
	}
	if err := r.checkDistinct(all); err != nil {
		return err
	}
	return o.checkImageID(r)
}

// checkDistinct returns an error for two results in one file. Short ones may share
// e.g. standard output.
func (r *Request) checkDistinct(files []written) error {
	var archives []written
	for _, out := range r.outputs {
		if out.target != nil {
			archives = append(archives, written{"--output", out.typed, out.target})
		}
	}
	for i, file := range slices.Concat(archives, files) {
		for j, other := range slices.Concat(archives, files)[:i] {
			if file.target.Same(other.target) && (j < len(archives) || !file.target.WritesThrough()) {
				return file.wrong("it is the same file as that of " + other.flag + ` "` + other.typed + `"`)
			}
		}
		if file.target.IsStdout() && r.TakesStdout() {
			return file.wrong("standard output is taken by another output")
		}
		for _, out := range r.outputs {
			if out.isDirectory() && file.target.Path() == out.dest {
				return file.wrong(`it is the directory of --output "` + out.typed + `"`)
			}
		}
	}
	return nil
}

func (w written) wrong(reason string) error {
	return &usage.Error{What: w.flag, Value: w.typed, Reason: reason, Next: "name another file"}
}

func (o Output) checkImageID(r *Request) error {
	if o.ImageIDFile == "" {
		return nil
	}
	if !slices.ContainsFunc(r.outputs, func(out output) bool { return out.kind != typeCacheOnly }) && r.call == nil {
		r.leftovers = append(r.leftovers, `the file of --iidfile will be empty, since only an output makes an image; add --push, or --output type=oci,dest=FILE`)
	}
	for _, out := range r.outputs {
		if out.kind == typeLocal || out.kind == typeTar {
			return &usage.Error{
				What: "--iidfile", Value: o.ImageIDFile, Reason: "an output of type=" + out.kind + " has no image ID",
				Next: "leave one of them out",
			}
		}
	}
	return nil
}

func (r *Request) removeStaleImageID() error {
	if r.files.ImageID == nil {
		return nil
	}
	return r.files.ImageID.RemoveStale()
}

// named returns the absolute path, with a trailing slash if path has one.
func named(env Environment, path string) string {
	if os.IsPathSeparator(path[len(path)-1]) {
		return absolute(env, path) + string(filepath.Separator)
	}
	return absolute(env, path)
}

func absolute(env Environment, path string) string {
	path = env.expand(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(env.WorkingDir, path)
}
