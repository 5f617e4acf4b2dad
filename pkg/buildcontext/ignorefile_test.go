package buildcontext

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// listed are the names that the daemon gets of a mount, in order.
func listed(t *testing.T, files fsutil.FS, target string) (names []string) {
	t.Helper()
	err := files.Walk(t.Context(), target, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestIgnoreFileTravelsWithTheDockerfile(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		text  string
	}{
		"of the context": {map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "*.log\n", "Dockerfile.d/x": "", "a": ""}, "*.log\n"},
		"none":           {map[string]string{"Dockerfile": "FROM scratch\n"}, nothingIgnored},
		"its own":        {map[string]string{"Dockerfile": "", ".dockerignore": "*.log\n", "Dockerfile.dockerignore": "own\n"}, "own\n"},
	} {
		t.Run(name, func(t *testing.T) {
			opt := applied(t, input{Path: "."}, Environment{WorkingDir: tree(t, c.files)})
			if names := listed(t, opt.LocalMounts["dockerfile"], ""); !slices.Equal(names, []string{"Dockerfile", "Dockerfile.dockerignore"}) {
				t.Errorf("the daemon may ask for %q", names)
			}
			if got := read(t, opt, "dockerfile")["Dockerfile.dockerignore"]; got != c.text {
				t.Errorf("text %q, want %q", got, c.text)
			}
		})
	}
}

func TestOnlyTheDockerfileOfItsDirectoryIsServed(t *testing.T) {
	home := tree(t, map[string]string{"Dockerfile": "FROM scratch\n", ".ssh/id_ed25519": "KEY", "other": ""})
	project := tree(t, map[string]string{"a": ""})
	opt := applied(t, input{Path: project, Dockerfile: filepath.Join(home, "Dockerfile")}, Environment{WorkingDir: project})
	if names := listed(t, opt.LocalMounts["dockerfile"], ""); !slices.Equal(names, []string{"Dockerfile", "Dockerfile.dockerignore"}) {
		t.Errorf("the daemon may ask for %q", names)
	}
	for _, name := range []string{".ssh/id_ed25519", "other", "../a"} {
		if _, err := opt.LocalMounts["dockerfile"].Open(name); err == nil {
			t.Errorf("%s can be opened", name)
		}
	}
	for target, want := range map[string][]string{"Dockerfile.dockerignore": {"Dockerfile.dockerignore"}, "/": {"Dockerfile", "Dockerfile.dockerignore"}, "other": nil} {
		if got := listed(t, opt.LocalMounts["dockerfile"], target); !slices.Equal(got, want) {
			t.Errorf("walking %q visits %q", target, got)
		}
	}
}

// What a .dockerignore leaves out is not the daemon's to ask for, by whatever patterns.
func TestIgnoredFilesAreNotServed(t *testing.T) {
	files := map[string]string{
		"Dockerfile": "FROM scratch\n", "secret/key": "KEY", "secret/public": "P", "a": "",
		".dockerignore": "secret\n!secret/public\n",
	}
	dir := tree(t, files)
	delete(files, ".dockerignore")
	files["Dockerfile.dockerignore"] = "secret\n!secret/public\n"
	own := tree(t, files)
	for name, opt := range map[string]client.SolveOpt{
		"main":        applied(t, input{Path: dir}, Environment{}),
		"its own":     applied(t, input{Path: own}, Environment{}),
		"other input": applied(t, input{Path: dir, Dockerfile: "-"}, Environment{Stdin: strings.NewReader("FROM scratch")}),
		"URL":         applied(t, input{Path: dir, Dockerfile: "https://example.com/Dockerfile"}, Environment{}),
	} {
		names := listed(t, opt.LocalMounts["context"], "")
		if slices.Contains(names, filepath.Join("secret", "key")) || !slices.Contains(names, filepath.Join("secret", "public")) || !slices.Contains(names, "a") {
			t.Errorf("%s: the daemon may ask for %q", name, names)
		}
		if _, err := opt.LocalMounts["context"].Open("secret/key"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: an ignored file is opened: %v", name, err)
		}
	}
	_, opt, err := named(t, tree(t, map[string]string{"Dockerfile": "FROM x", "sub/.dockerignore": "k*", "sub/key": "", "sub/a": ""}), "sub")
	if err != nil {
		t.Fatal(err)
	}
	if names := listed(t, opt.LocalMounts["x"], ""); !slices.Equal(names, []string{".dockerignore", "a"}) {
		t.Errorf("named: the daemon may ask for %q", names)
	}
}

// An ignore file that cannot be obeyed is never left out: what it hides would be sent.
func TestWrongIgnoreFiles(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "id_ed25519")
	if err := os.WriteFile(outside, []byte("PRIVATE-KEY-OF-THE-USER"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
	}
	for name, c := range map[string]struct {
		create func(path string) error
		want   string
	}{
		"link outside":          {func(path string) error { return os.Symlink(outside, path) }, "it is a link to " + outside + ", which leads out of the directory"},
		"relative link outside": {func(path string) error { return os.Symlink("../../../../../../../etc/hostname", path) }, "leads out of"},
		"link to a process":     {func(path string) error { return os.Symlink("/proc/self/environ", path) }, "leads out of"},
		"link to stdin":         {func(path string) error { return os.Symlink("/dev/stdin", path) }, "leads out of"},
		"dangling link":         {func(path string) error { return os.Symlink("nowhere", path) }, "it is a link to nowhere, which does not exist"},
		"link to a directory":   {func(path string) error { return os.Symlink(".", path) }, "it is a directory"},
		"directory":             {func(path string) error { return os.Mkdir(path, 0o755) }, "it is a directory"},
		"bad pattern":           {write("a\n\n[\n"), `line 3, "[": syntax error in pattern`},
		"bad exclusion":         {write("!\n"), `line 1, "!"`},
		"too large":             {write(strings.Repeat("x\n", maxIgnoreFile/2+1)), "it is larger than 4 MiB"},
	} {
		for _, place := range []string{".dockerignore", "Dockerfile.dockerignore", "sub/.dockerignore"} {
			t.Run(name+" "+filepath.Dir(place)+filepath.Base(place), func(t *testing.T) {
				dir := tree(t, map[string]string{"Dockerfile": "# syntax=evil.example.com/frontend\nFROM scratch\n", "sub/a": ""})
				if err := c.create(filepath.Join(dir, place)); err != nil {
					t.Fatal(err)
				}
				_, _, err := named(t, dir, "sub")
				var invalid *usage.Error
				if !errors.As(err, &invalid) {
					t.Fatalf("got %v, want a usage.Error", err)
				}
				if !strings.Contains(invalid.Reason, c.want) || invalid.Value != filepath.Join(dir, place) {
					t.Errorf("got %q, want %q of %s", err, c.want, place)
				}
			})
		}
	}
}

// Links that stay in the context are followed, also from beside a Dockerfile below it.
func TestLinkedIgnoreFileInside(t *testing.T) {
	dir := tree(t, map[string]string{"docker/Dockerfile": "FROM scratch\n", "rules": "secret\n", "secret": "", "a": ""})
	for _, link := range []string{"docker/Dockerfile.dockerignore", ".dockerignore"} {
		target := "rules"
		if strings.Contains(link, "/") {
			target = "../rules"
		}
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		opt := applied(t, input{Path: ".", Dockerfile: "docker/Dockerfile"}, Environment{WorkingDir: dir})
		if got := read(t, opt, "dockerfile")["Dockerfile.dockerignore"]; got != "secret\n" {
			t.Errorf("%s: the text is %q", link, got)
		}
		if slices.Contains(listed(t, opt.LocalMounts["context"], ""), "secret") {
			t.Errorf("%s is not obeyed", link)
		}
		if err := os.Remove(filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
}

// Absolute links that stay in the context are followed, whichever file it is.
func TestAbsoluteLinksInside(t *testing.T) {
	for _, place := range []string{"Dockerfile", "dockerfile", "Dockerfile.dockerignore", ".dockerignore", "sub/.dockerignore", "docker/Dockerfile", "docker/Dockerfile.dockerignore"} {
		t.Run(strings.ReplaceAll(place, "/", " "), func(t *testing.T) {
			files := map[string]string{"rules": "secret\n", "definition": "FROM linked\n", "sub/rules": "secret\n", "secret": "", "a": "", "sub/secret": "", "docker/a": ""}
			in := input{Path: ".", Named: []Named{{Name: "x", Value: "sub"}}}
			if strings.HasPrefix(place, "docker/") {
				in.Dockerfile = "docker/Dockerfile"
			}
			isIgnoreFile := strings.HasSuffix(place, ".dockerignore")
			target, mount := "definition", "context"
			if isIgnoreFile {
				target = "rules"
				files[filepath.Join(filepath.Dir(in.Dockerfile), "Dockerfile")] = "FROM scratch\n"
			}
			if strings.HasPrefix(place, "sub/") {
				target, mount = "sub/rules", "x"
			}
			dir := tree(t, files)
			if err := os.Symlink(filepath.Join(dir, target), filepath.Join(dir, place)); err != nil {
				t.Fatal(err)
			}
			opt := applied(t, in, Environment{WorkingDir: dir})
			if isIgnoreFile == slices.Contains(listed(t, opt.LocalMounts[mount], ""), "secret") {
				t.Errorf("the ignore file is obeyed: %v", !isIgnoreFile)
			}
			if got := read(t, opt, "dockerfile")[opt.FrontendAttrs["filename"]]; !isIgnoreFile && got != "FROM linked\n" {
				t.Errorf("the Dockerfile is %q", got)
			}
		})
	}
}

// A Dockerfile that is a link gets the true reason.
func TestWrongLinksAsDockerfile(t *testing.T) {
	for target, want := range map[string]string{
		"nowhere":             "it is a link to nowhere, which does not exist",
		"/nowhere/at/all":     "it is a link to /nowhere/at/all, which leads out of the directory",
		"Dockerfile":          "too many",
		"sub":                 "it is a directory",
		"/proc/self/environ":  "leads out of the directory",
		"/proc/self/fd/0":     "leads out of the directory",
		"/proc/self/cwd/none": "leads out of the directory",
		"../../../dev/zero":   "leads out of the directory",
	} {
		dir := tree(t, map[string]string{"sub/a": ""})
		if err := os.Symlink(target, filepath.Join(dir, "Dockerfile")); err != nil {
			t.Fatal(err)
		}
		_, err := resolve(t.Context(), input{Path: dir}, Environment{})
		var invalid *usage.Error
		if !errors.As(err, &invalid) || invalid.What != "--file" || !strings.Contains(invalid.Reason, want) {
			t.Errorf("%s: got %v", target, err)
		}
	}
}
