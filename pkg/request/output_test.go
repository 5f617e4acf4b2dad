package request

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
)

func TestExports(t *testing.T) {
	type want struct {
		kind  string
		attrs map[string]string
		dir   string // relative to the working directory
		file  bool
	}
	pushed := map[string]string{"push": "true", "unpack": "false", "name": "example.com/a:1"}
	for name, test := range map[string]struct {
		tags    []string
		push    bool
		outputs []string
		want    []want
	}{
		"none":           {nil, false, nil, nil},
		"cacheonly":      {nil, false, []string{"type=cacheonly"}, nil},
		"push":           {[]string{"example.com/a:1"}, true, nil, []want{{kind: "image", attrs: pushed}}},
		"registry":       {[]string{"example.com/a:1"}, false, []string{"type=registry"}, []want{{kind: "image", attrs: pushed}}},
		"registry named": {nil, false, []string{"type=registry,name=example.com/a:1"}, []want{{kind: "image", attrs: pushed}}},
		"push an image": {
			[]string{"example.com/a:1"}, true, []string{"type=image,unpack=true,compression=zstd"},
			[]want{{kind: "image", attrs: map[string]string{"push": "true", "unpack": "true", "name": "example.com/a:1", "compression": "zstd"}}},
		},
		"push and files": {
			[]string{"example.com/a:1"}, true, []string{"out"},
			[]want{{kind: "local", attrs: map[string]string{}, dir: "out"}, {kind: "image", attrs: pushed}},
		},
		"several tags": {
			[]string{"a", "example.com/b:1"}, false, []string{"type=oci,dest=x.tar,name=other"},
			[]want{{kind: "oci", attrs: map[string]string{"name": "a,example.com/b:1"}, file: true}},
		},
		"directory":        {nil, false, []string{"out/deep"}, []want{{kind: "local", attrs: map[string]string{}, dir: "out/deep"}}},
		"name of a tar":    {nil, false, []string{"x.tar"}, []want{{kind: "local", attrs: map[string]string{}, dir: "x.tar"}}},
		"stdout":           {nil, false, []string{"-"}, []want{{kind: "tar", attrs: map[string]string{}, file: true}}},
		"tar is to stdout": {nil, false, []string{"type=tar"}, []want{{kind: "tar", attrs: map[string]string{}, file: true}}},
		"keys in any case": {nil, false, []string{"Type=tar, DEST=x"}, []want{{kind: "tar", attrs: map[string]string{}, file: true}}},
		"layout": {
			nil, false, []string{"type=oci,tar=false,dest=layout"},
			[]want{{kind: "oci", attrs: map[string]string{"tar": "false"}, dir: "layout"}},
		},
		"comma in quotes": {
			nil, false, []string{`type=oci,dest=x,"annotation.a=b,c"`},
			[]want{{kind: "oci", attrs: map[string]string{"annotation.a": "b,c"}, file: true}},
		},
		"pushed image is last": {
			[]string{"example.com/a:1"}, false, []string{"type=registry", "type=docker,dest=x"},
			[]want{{kind: "docker", attrs: map[string]string{"name": "example.com/a:1"}, file: true}, {kind: "image", attrs: pushed}},
		},
		"delete below": {
			nil, false, []string{"type=local,dest=sub/out,mode=delete"},
			[]want{{kind: "local", attrs: map[string]string{"mode": "delete"}, dir: "sub/out"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := workspace(t, nil)
			opts := with(func(o *Options) { o.Tags, o.Push, o.Outputs = test.tags, test.push, test.outputs })
			var got []want
			for _, entry := range exports(t, opts, env) {
				dir := entry.OutputDir
				if dir != "" {
					relative, err := filepath.Rel(env.WorkingDir, dir)
					if err != nil {
						t.Fatal(err)
					}
					dir, _, _ = strings.Cut(relative, "/.kubectl-buildkit-") // where it is received
				}
				got = append(got, want{kind: entry.Type, attrs: entry.Attrs, dir: dir, file: entry.Output != nil})
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestBuildInfoAttributes(t *testing.T) {
	got := exports(t, with(func(o *Options) {
		o.Outputs, o.BuildArgs = []string{"type=image"}, []string{"BUILDKIT_INLINE_BUILDINFO_ATTRS=1"}
	}), workspace(t, nil))
	if got[0].Attrs["buildinfo-attrs"] != "1" {
		t.Errorf("got %v", got[0].Attrs)
	}
}

// What an error says of this machine's files is told from what it says of the builder's.
func TestNamesPlacesOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	for outputs, text := range map[string]string{
		"type=oci,dest=" + dir + "/a.tar": "write " + dir + "/.a.tar-1: no space left on device",
		dir + "/a":                        "error from receiver: write " + dir + "/.a-1/b: no space left on device",
		"type=oci,tar=false,dest=" + dir:  "write " + dir + "/ingest/1/data: no space left on device",
		"type=oci,dest=-":                 "write /dev/stdout: no space left on device",
	} {
		r, err := New(t.Context(), with(func(o *Options) { o.Outputs = []string{outputs} }), workspace(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		if a := r.Attempt(); !a.Names(text) || a.Names("write /var/lib/buildkit/x: no space left on device") {
			t.Errorf("output %q", outputs)
		}
	}
	r, err := New(t.Context(), with(func(o *Options) { o.CacheTo = []string{"type=local,dest=" + dir} }), workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Attempt(); !a.Names("write "+dir+"/ingest/1: no space left on device") || a.Names("") {
		t.Error("the cache's directory is not known")
	}
}

func TestUnrepeatable(t *testing.T) {
	for outputs, want := range map[string]string{
		"": "", "out": "", "type=oci,dest=out.tar": "", "-": "standard output", "type=oci,dest=-": "standard output",
		"type=tar,dest=/dev/null": "/dev/null",
	} {
		r, err := New(t.Context(), with(func(o *Options) { o.Outputs = []string{outputs} }), workspace(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Unrepeatable(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("output %q: %q", outputs, got)
		}
	}
}

func TestLine(t *testing.T) {
	const digest = "sha256:1234567812345678123456781234567812345678123456781234567812345678"
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"pushed":              {func(o *Options) { o.Tags, o.Push = []string{"example.com/a:1", "team/b"}, true }, "example.com/a:1@" + digest},
		"as typed":            {func(o *Options) { o.Tags, o.Push = []string{"team/app"}, true }, "team/app@" + digest},
		"named in the output": {func(o *Options) { o.Outputs = []string{`type=registry,"name=x.io/a,x.io/b"`} }, "x.io/a@" + digest},
		"not pushed":          {func(o *Options) { o.Tags, o.Outputs = []string{"a"}, []string{"type=oci,dest=x"} }, digest},
		"push=false":          {func(o *Options) { o.Tags, o.Outputs = []string{"a"}, []string{"type=image,push=false"} }, digest},
		"push":                {func(o *Options) { o.Tags, o.Outputs = []string{"x.io/a"}, []string{"type=image,push="} }, "x.io/a@" + digest},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New(t.Context(), with(test.change), workspace(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			got := r.Attempt().Result(map[string]string{"containerimage.digest": digest}).Line()
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// fileOutput begins an attempt that writes to a file, and writes half of it.
func fileOutput(t *testing.T, env Environment, dest string) *Attempt {
	t.Helper()
	r, err := New(t.Context(), with(func(o *Options) { o.Outputs = []string{"type=tar,dest=" + dest} }), env)
	if err != nil {
		t.Fatal(err)
	}
	attempt := r.Attempt()
	writer, err := attempt.Options.Exports[0].Output(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return attempt
}

func TestOutputFile(t *testing.T) {
	env := workspace(t, nil)
	path := filepath.Join(env.WorkingDir, "sub", "out.tar")
	attempt := fileOutput(t, env, "sub/out.tar")
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there before the build has succeeded")
	}
	if err := attempt.Commit(); err != nil {
		t.Fatal(err)
	}
	attempt.Discard()
	checkOnly(t, path, "new")
}

func TestBrokenBuildKeepsOldFile(t *testing.T) {
	env := workspace(t, nil)
	path := filepath.Join(env.WorkingDir, "sub", "out.tar")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	attempt := fileOutput(t, env, "sub/out.tar")
	attempt.Discard()
	checkOnly(t, path, "old")
	if _, err := attempt.Options.Exports[0].Output(nil); err == nil {
		t.Error("a late answer of the daemon could still open the file")
	}
}

func TestOutputThroughLink(t *testing.T) {
	env := workspace(t, nil)
	real := filepath.Join(env.WorkingDir, "real", "out.tar")
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(real, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, filepath.Join(env.WorkingDir, "link.tar")); err != nil {
		t.Fatal(err)
	}
	attempt := fileOutput(t, env, "link.tar")
	if err := attempt.Commit(); err != nil {
		t.Fatal(err)
	}
	checkOnly(t, real, "new")
}

// checkOnly checks the file, and that nothing else is in its directory.
func checkOnly(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, want %q (%v)", path, got, want, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file there are %v (%v)", entries, err)
	}
}

func TestOutputToStdout(t *testing.T) {
	env := workspace(t, nil)
	var stdout bytes.Buffer
	env.Stdout = &stdout
	entries := exports(t, with(func(o *Options) { o.Outputs = []string{"-"} }), env)
	writer, err := entries[0].Output(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte("archive")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil || stdout.String() != "archive" {
		t.Errorf("standard output got %q (%v)", stdout.String(), err)
	}
}

func TestResultFiles(t *testing.T) {
	env := workspace(t, nil)
	stale := filepath.Join(env.WorkingDir, "id")
	if err := os.WriteFile(stale, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), with(func(o *Options) { o.ImageIDFile, o.MetadataFile = "id", "meta.json" }), env)
	if err != nil {
		t.Fatal(err)
	}
	metadata := filepath.Join(env.WorkingDir, "meta.json")
	if files := r.Files(); files.Metadata.Path() != metadata || files.ImageID.Path() != stale {
		t.Errorf("got %+v", files)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("a broken build would leave the ID of another image")
	}
	if _, err := os.Stat(metadata); err == nil {
		t.Error("checking the metadata file has made it")
	}
}

func TestNamesOfTypes(t *testing.T) {
	for _, kind := range knownTypes() {
		if knownAttributes(kind) == nil {
			t.Errorf("type %q has no attributes, not even none", kind)
		}
	}
	if knownAttributes(client.ExporterLocal)["mode"] != anyText {
		t.Error("mode= of local is checked elsewhere")
	}
}
