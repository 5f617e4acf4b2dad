package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Results go where the paths lead: a link stays and its target is written, a pipe gets the bytes, a file keeps its
// mode, and nothing else appears.
func TestResultsAreWrittenThrough(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.buildkit("build", "-o", "type=cacheonly", context).ok() // the record that history writes, in whatever order the cases run
	for flag, args := range map[string][]string{
		"--metadata-file": {"build", "-o", "type=cacheonly", context},
		"--iidfile":       {"build", "-o", "type=oci,dest=image.tar", context},
		"--ref-file":      {"build", "-o", "type=cacheonly", context},
		"--report":        {"build", "-o", "type=cacheonly", context},
		"--trace":         {"build", "-o", "type=cacheonly", context},
		"export -o":       {"history", "export"},
		"report -o":       {"history", "report"},
		"-o type=tar":     {"build", context},
	} {
		option := func(path string) []string {
			_, short, found := strings.Cut(flag, " ")
			switch {
			case strings.HasPrefix(flag, "-o type"):
				return append(slices.Clone(args), flag[:2], flag[3:]+",dest="+path)
			case found:
				return append(slices.Clone(args), short, path)
			}
			return append(slices.Clone(args), flag, path)
		}
		t.Run(flag, func(t *testing.T) {
			u := u.in(t)
			dir := t.TempDir()
			file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
			write(t, file, "old")
			if err := os.Chmod(file, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("file", link); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			u.run(dir, nil, "kubectl", append([]string{"buildkit"}, option("link")...)...).ok()
			read := make(chan int, 1)
			go func() {
				text, _ := os.ReadFile(pipe)
				read <- len(text)
			}()
			u.run(dir, nil, "kubectl", append([]string{"buildkit"}, option("pipe")...)...).ok()
			if got := <-read; got == 0 {
				t.Error("the pipe's reader got nothing")
			}
			for path, want := range map[string]os.FileMode{file: 0o600, link: os.ModeSymlink | 0o777, pipe: os.ModeNamedPipe | 0o600} {
				info, err := os.Lstat(path)
				if err != nil || info.Mode() != want || path == file && info.Size() < 10 {
					t.Errorf("%s is %v, %v", path, info, err)
				}
			}
			names, _ := filepath.Glob(filepath.Join(dir, "*"))
			hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
			if names = slices.DeleteFunc(append(names, hidden...), func(name string) bool { return filepath.Base(name) == "image.tar" }); len(names) != 3 {
				t.Errorf("there is %v", names)
			}
		})
	}
}
