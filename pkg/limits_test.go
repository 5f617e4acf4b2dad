package pkg_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The limits of the house rules in docs/architecture.md. Tests do not count.
const (
	maxFileLines    = 300
	minFileLines    = 40
	maxPackageFiles = 30

	// The command line turns flags into options and results into text; what grows beyond this can
	// be tested without it.
	maxCommandFiles = 45
	maxCommandLines = 4500
)

// shortFiles are those below minFileLines that stand alone, and why. Documentation of a package and
// files for one operating system need no entry.
func shortFiles() map[string]string {
	return map[string]string{
		"cmd/version.go":     "a command has a file",
		"manifest/budget.go": "an object of a builder has a file",
	}
}

// isShortByRule reports whether a file may be short because of its name.
func isShortByRule(name string) bool {
	base := strings.TrimSuffix(path.Base(name), ".go")
	return base == "doc" || slices.ContainsFunc([]string{"_unix", "_windows", "_other", "_linux", "_darwin"}, func(system string) bool {
		return strings.HasSuffix(base, system)
	})
}

// productFiles returns the lines of each file below pkg that is not a test, by the name relative to
// pkg.
func productFiles(t *testing.T) map[string]int {
	t.Helper()
	lines := map[string]int{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "testdata":
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(name)
		lines[filepath.ToSlash(name)] = bytes.Count(text, []byte("\n"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 200 {
		t.Fatalf("%d files were found", len(lines))
	}
	return lines
}

// No file is longer than a person reads in one go, and none is so short that its name is not worth
// looking for.
func TestFilesAreNeitherLongNorShort(t *testing.T) {
	files, short := productFiles(t), shortFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_, allowed := short[name]
		switch lines := files[name]; {
		case lines > maxFileLines:
			t.Errorf("pkg/%s has %d lines; at most %d", name, lines, maxFileLines)
		case lines < minFileLines && !allowed && !isShortByRule(name):
			t.Errorf("pkg/%s has %d lines: join it with a file of its theme, or add it to shortFiles with a reason", name, lines)
		case lines >= minFileLines && allowed:
			t.Errorf("pkg/%s has %d lines: it needs no entry in shortFiles", name, lines)
		}
		delete(short, name)
	}
	for _, name := range slices.Sorted(maps.Keys(short)) {
		t.Errorf("pkg/%s is in shortFiles, and does not exist", name)
	}
}

// No package holds more than a person finds their way in; the command line, with a file for each
// command, may hold more files, but not more lines.
func TestPackagesAreSmall(t *testing.T) {
	files, lines := map[string]int{}, map[string]int{}
	for name, count := range productFiles(t) {
		files[path.Dir(name)]++
		lines[path.Dir(name)] += count
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		most := maxPackageFiles
		if name == "cmd" {
			most = maxCommandFiles
		}
		if files[name] > most {
			t.Errorf("pkg/%s has %d files; at most %d", name, files[name], most)
		}
	}
	if lines["cmd"] > maxCommandLines || lines["cmd"] == 0 {
		t.Errorf("pkg/cmd has %d lines; at most %d: move what can be tested without a command", lines["cmd"], maxCommandLines)
	}
}
