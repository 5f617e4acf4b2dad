package pkg_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/security.md promises nothing that no test proves: every test it names exists, and every row
// of what holds names one.
func TestSecurityGuideNamesTests(t *testing.T) {
	guide, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(string(guide), -1)
	if len(names) < 40 {
		t.Fatalf("it names only %d tests", len(names))
	}
	known := testNames(t)
	for _, name := range names {
		if !known[name] {
			t.Errorf("%s not found", name)
		}
	}
	table := false
	for line := range strings.Lines(string(guide)) {
		switch {
		case strings.HasPrefix(line, "| what holds | test |"):
			table = true
		case !strings.HasPrefix(line, "|"):
			table = false
		case table && !strings.HasPrefix(line, "|---") && !strings.Contains(line, "`Test"):
			t.Errorf("no test for %s", line)
		}
	}
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	declaration, names := regexp.MustCompile(`(?m)^func (Test\w+)\(`), map[string]bool{}
	for _, root := range []string{".", "../cmd", "../hack"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, found := range declaration.FindAllSubmatch(source, -1) {
				names[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
