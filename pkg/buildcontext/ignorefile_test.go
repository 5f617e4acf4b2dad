package buildcontext

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tonistiigi/fsutil"
)

// sent is what the daemon would get of the Dockerfile's folder: names in order, and the text of one of them.
func sent(t *testing.T, dir, name string) (names []string, text string) {
	t.Helper()
	files, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	files = sendIgnoreFile(files, filepath.Join(dir, "Dockerfile"), dir)
	err = files.Walk(t.Context(), "", func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return names, string(raw)
}

func TestIgnoreFileTravelsWithTheDockerfile(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		names []string
		text  string
	}{
		"of the context": {
			map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "*.log\n", "Dockerfile.d/x": "", "a": ""},
			[]string{".dockerignore", "Dockerfile", "Dockerfile.d", "Dockerfile.d/x", "Dockerfile.dockerignore", "a"}, "*.log\n",
		},
		"last": {map[string]string{"Dockerfile": "FROM scratch\n"}, []string{"Dockerfile", "Dockerfile.dockerignore"}, nothingIgnored},
		"its own": {
			map[string]string{"Dockerfile": "", ".dockerignore": "*.log\n", "Dockerfile.dockerignore": "own\n"},
			[]string{".dockerignore", "Dockerfile", "Dockerfile.dockerignore"}, "own\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			names, text := sent(t, tree(t, c.files), "Dockerfile.dockerignore")
			if !slices.Equal(names, c.names) {
				t.Errorf("names %q, want %q", names, c.names)
			}
			if text != c.text {
				t.Errorf("text %q, want %q", text, c.text)
			}
		})
	}
}

func TestOddIgnoreFilesAreLeftToTheDaemon(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": ""})
	if err := os.Mkdir(filepath.Join(dir, ignoreFile), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := sendIgnoreFile(files, filepath.Join(dir, "Dockerfile"), dir); got != files {
		t.Error("a folder named .dockerignore was read")
	}
}

func TestWalkOfOnePathFindsTheExtraFile(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "", "sub/x": ""})
	files, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	files = sendIgnoreFile(files, filepath.Join(dir, "Dockerfile"), dir)
	for target, want := range map[string][]string{"Dockerfile.dockerignore": {"Dockerfile.dockerignore"}, "sub": {"sub", "sub/x"}} {
		var got []string
		err := files.Walk(t.Context(), target, func(path string, _ fs.DirEntry, err error) error {
			got = append(got, path)
			return err
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("walking %q visits %q, %v", target, got, err)
		}
	}
}
