package request

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnwritableOutputs(t *testing.T) {
	for name, test := range map[string]struct {
		change     func(*Options)
		flag, want string
	}{
		"directory as metadata":       {func(o *Options) { o.MetadataFile = "dir" }, "--metadata-file", "it is a directory; name a file"},
		"directory by its name":       {func(o *Options) { o.ImageIDFile = "new/" }, "--iidfile", "it names a directory; name a file"},
		"directory as archive":        {func(o *Options) { o.Outputs = []string{"type=oci,dest=dir"} }, "--output", "it is a directory; name a file"},
		"archive named as directory":  {func(o *Options) { o.Outputs = []string{"type=tar,dest=new/"} }, "--output", "it names a directory; name a file"},
		"file as directory":           {func(o *Options) { o.Outputs = []string{"file"} }, "--output", "is a file; name a directory"},
		"below a file":                {func(o *Options) { o.Outputs = []string{"file/out"} }, "--output", "not a directory"},
		"no directory":                {func(o *Options) { o.Report = "no/a" }, "--report", "create it first"},
		"link into none":              {func(o *Options) { o.RefFile = "nowhere" }, "--ref-file", "does not exist"},
		"archive by a link into none": {func(o *Options) { o.Outputs = []string{"type=docker,dest=nowhere"} }, "--output", "does not exist"},
		"files by a link into none":   {func(o *Options) { o.Outputs = []string{"nowhere"} }, "--output", "does not exist"},
		"link to itself":              {func(o *Options) { o.Trace = "loop" }, "--trace", "too many levels"},
		"one file twice":              {func(o *Options) { o.MetadataFile, o.Report = "a", "./a" }, "--report", `it is the same file as that of --metadata-file "a"`},
		"a file and its link":         {func(o *Options) { o.MetadataFile, o.ImageIDFile = "file", "link" }, "--iidfile", "it is the same file"},
		"two archives in one":         {func(o *Options) { o.Outputs = []string{"type=oci,dest=a", "type=tar,dest=a"} }, "--output", "it is the same file"},
		"an archive and a file":       {func(o *Options) { o.Outputs, o.RefFile = []string{"type=oci,dest=a"}, "a" }, "--ref-file", "it is the same file"},
		"an archive and a directory":  {func(o *Options) { o.Outputs = []string{"type=oci,dest=a", "a"} }, "--output", "it is the directory of"},
		"a file and a directory":      {func(o *Options) { o.Outputs, o.MetadataFile = []string{"type=oci,tar=false,dest=a"}, "a" }, "--metadata-file", "it is the directory of"},
	} {
		t.Run(name, func(t *testing.T) {
			env := workspace(t, nil)
			tree := filepath.Join(env.WorkingDir, "dir")
			if err := os.Mkdir(tree, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(env.WorkingDir, "file"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			for link, to := range map[string]string{"link": "file", "nowhere": "no/a", "loop": "loop"} {
				if err := os.Symlink(to, filepath.Join(env.WorkingDir, link)); err != nil {
					t.Fatal(err)
				}
			}
			wantUsage(t, with(test.change), env, test.flag, test.want)
		})
	}
}

// A check leaves no trace in the context, nor beside what is to be written.
func TestNothingIsWrittenBeforeTheResult(t *testing.T) {
	env := workspace(t, nil)
	before := listing(t, env.WorkingDir)
	_, err := New(t.Context(), with(func(o *Options) {
		o.Outputs = []string{"out/deep", "type=oci,dest=archives/a.tar", "type=oci,tar=false,dest=layout"}
		o.MetadataFile, o.ImageIDFile, o.RefFile, o.Trace, o.Report = "m", "", "r", "t", "h"
		o.CacheTo = []string{"type=local,dest=cache"}
	}), env)
	if err != nil {
		t.Fatal(err)
	}
	if after := listing(t, env.WorkingDir); after != before {
		t.Errorf("there is now %s", after)
	}
}

// listing is what is in the directory, and when that changed last.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{info.ModTime().String()}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

// The attribute that keeps privileges is this client's, and not sent.
func TestSpecialIsNotSent(t *testing.T) {
	entries := exports(t, with(func(o *Options) { o.Outputs = []string{"type=local,dest=out,special=true"} }), workspace(t, nil))
	if _, sent := entries[0].Attrs[specialAttr]; sent || len(entries) != 1 {
		t.Errorf("got %v", entries[0].Attrs)
	}
	wantUsage(t, with(func(o *Options) { o.Outputs = []string{"type=local,dest=out,special=maybe"} }), workspace(t, nil), "--output", "not a boolean")
	wantUsage(t, with(func(o *Options) { o.Outputs = []string{"type=tar,dest=out,special=true"} }), workspace(t, nil), "--output", "no attribute")
}
