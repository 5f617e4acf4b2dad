package buildcontext

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestInvalid(t *testing.T) {
	dir := tree(t, map[string]string{
		"app/DOCKERFILE": "x", "podman/Containerfile": "x", "none/main.go": "x", "file": "x", "dir/Dockerfile/x": "x",
		"dev/Dockerfile.dev": "x", "outside": "FROM scratch",
	})
	for link, target := range map[string]string{"app/link": "../outside", "app/dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	tooLong := strings.Repeat("RUN x\n", maxDockerfile/6+1)
	for name, test := range map[string]struct {
		in    input
		stdin string
		flag  string
		want  []string // parts of the message
	}{
		"nothing":             {input{}, "", "PATH", []string{"no build context", `"."`}},
		"missing":             {input{Path: "nope"}, "", "PATH", []string{"no such directory", filepath.Join(dir, "nope")}},
		"a file":              {input{Path: "file"}, "", "PATH", []string{"it is a file", "--file"}},
		"no Dockerfile":       {input{Path: "none"}, "", "--file", []string{"no such file", filepath.Join(dir, "none", "Dockerfile")}},
		"other letters":       {input{Path: "app"}, "", "--file", []string{"did you mean --file app/DOCKERFILE?"}},
		"Containerfile":       {input{Path: "podman"}, "", "--file", []string{"did you mean --file podman/Containerfile?"}},
		"Dockerfile.dev":      {input{Path: "dev"}, "", "--file", []string{"did you mean --file dev/Dockerfile.dev?"}},
		"relative to context": {input{Path: "dev", Dockerfile: "Dockerfile.dev"}, "", "--file", []string{"--file dev/Dockerfile.dev"}},
		"a directory":         {input{Path: "dir"}, "", "--file", []string{"it is a directory"}},
		"link out":            {input{Path: "app", Dockerfile: "app/link"}, "", "--file", []string{"it is a link to", "outside", "if you trust"}},
		"dangling link":       {input{Path: "app", Dockerfile: "app/dangling"}, "", "--file", []string{"it is a link to nowhere, which does not exist"}},
		"stdin twice":         {input{Path: "-", Dockerfile: "-"}, "x", "--file", []string{"both the context and the Dockerfile"}},
		"empty stdin":         {input{Path: "-"}, "", "PATH", []string{"standard input is empty"}},
		"empty Dockerfile":    {input{Path: "none", Dockerfile: "-"}, "", "--file", []string{"it is empty"}},
		"ambiguous":           {input{Path: "-", Dockerfile: "Dockerfile"}, "FROM scratch", "--file", []string{"not an archive"}},
		"endless Dockerfile":  {input{Path: "none", Dockerfile: "-"}, tooLong, "--file", []string{"16 MiB"}},
		"ref as a flag":       {input{Path: "https://example.com/a.git#--upload-pack=x"}, "", "PATH", []string{`invalid git ref "--upload-pack=x"`, "https URL"}},
		"a flag in the query": {input{Path: "https://example.com/a.git?ref=-x"}, "", "PATH", []string{`invalid git ref "-x"`}},
		"no host":             {input{Path: "https://"}, "", "PATH", []string{"without a host"}},
		"a port alone":        {input{Path: "https://:1/a"}, "", "PATH", []string{"without a host"}},
		"half a host":         {input{Path: "http://[::1/a"}, "", "PATH", []string{"not a URL", "]"}},
		"a line break":        {input{Path: "https://example.com/a.tar\nerror: b"}, "", "PATH", []string{"control character"}},
		"no host, named":      {input{Path: "dev", Dockerfile: "dev/Dockerfile.dev", Named: []Named{{Name: "n", Value: "http://"}}}, "", "--build-context", []string{"without a host"}},
		"no host, Dockerfile": {input{Path: "none", Dockerfile: "https://"}, "", "--file", []string{"without a host"}},
		"bad git query":       {input{Path: "https://example.com/a.git?nope=1"}, "", "PATH", []string{"unexpected query"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolve(t.Context(), test.in, Environment{WorkingDir: dir, Stdin: strings.NewReader(test.stdin)})
			var invalid *usage.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v, want a usage.Error", err)
			}
			if invalid.What != test.flag {
				t.Errorf("it names %q, want %q", invalid.What, test.flag)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestUnreadableDockerfile(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM scratch"})
	path := filepath.Join(dir, "Dockerfile")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err := resolve(t.Context(), input{Path: dir}, Environment{})
	if file, openErr := os.Open(path); openErr == nil {
		_ = file.Close() // root reads everything
		if err != nil {
			t.Errorf("the file can be read, but got %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, path := range []string{".", "-", "", "git@github.com:a/b.git", "https://a/b.git?x=1#y:z", "github.com/%", "//", "\x00"} {
		f.Add(path, "", "FROM scratch")
		f.Add(path, "-", "\x1f\x8b\x08")
		f.Add(path, "a/b", "")
	}
	f.Fuzz(func(t *testing.T, path, dockerfile, stdin string) {
		c, err := resolve(t.Context(), input{Path: path, Dockerfile: dockerfile}, Environment{
			WorkingDir: t.TempDir(), Stdin: strings.NewReader(stdin),
		})
		if err != nil {
			var invalid *usage.Error
			if !errors.As(err, &invalid) || invalid.Reason == "" {
				t.Fatalf("%v is not a usage.Error with a reason", err)
			}
			return
		}
		var opt client.SolveOpt
		c.Apply(&opt)
		if opt.FrontendAttrs["filename"] == "" {
			t.Fatalf("%q, %q: no Dockerfile is named", path, dockerfile)
		}
	})
}
