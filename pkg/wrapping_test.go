package pkg_test

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxCommentColumns is where the lines of a comment wrap; a tab counts four columns.
const maxCommentColumns = 100

// TestCommentsWrap fails for lines that are a comment and too long to be read beside other code.
// Directives are for programs, and a single long word, e.g. an address, cannot be wrapped.
func TestCommentsWrap(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "testdata":
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		source, err := os.ReadFile(path)
		for _, found := range longComments(path, source) {
			t.Error(found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// longComments finds the lines of a file that are a // comment, with nothing before it, of too many
// columns.
func longComments(path string, source []byte) (found []string) {
	files := token.NewFileSet()
	file := files.AddFile(path, -1, len(source))
	lines := strings.Split(string(source), "\n")
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	for {
		position, kind, literal := s.Scan()
		if kind == token.EOF {
			return found
		}
		line := files.Position(position).Line
		text := strings.ReplaceAll(lines[line-1], "\t", "    ")
		isDirective := len(literal) > 2 && literal[2] != ' '
		if kind == token.COMMENT && strings.HasPrefix(strings.TrimSpace(text), "//") && !isDirective &&
			utf8.RuneCountInString(text) > maxCommentColumns && len(strings.Fields(literal)) > 2 {
			found = append(found, fmt.Sprintf("%s:%d: a comment of more than %d columns", filepath.ToSlash(path), line, maxCommentColumns))
		}
	}
}

func TestLongCommentsAreSeen(t *testing.T) {
	long := strings.Repeat("word ", 20)
	source := "package p\n\n// " + long + "\nvar a = 1 // " + long + "\n//go:generate " + long + "\n// https://" + strings.Repeat("a", 100) +
		"\nvar b = `\n// " + long + "`\n\n\t// " + long[:90] + "\n\t// " + long[:95] + "s\n"
	got := longComments("p.go", []byte(source))
	want := []string{"p.go:3: a comment of more than 100 columns", "p.go:11: a comment of more than 100 columns"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
