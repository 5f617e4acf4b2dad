package pkg_test

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// privateWord matches the words and turns that are not those of Kubernetes and Docker.
// docs/architecture.md has the house rule; what to write instead:
//
//	is no X                              invalid X, X not found, is not an X
//	nobody, somebody, anybody, whoever   the actor: user, client, daemon, kubelet, API server
//	mend, lend, sought, heed             fix, provide, wait or retry, honor
//	folder, picture                      directory, report
//	adopted builder                      unmanaged builder
var privateWord = regexp.MustCompile(`(?i)\bis\s+no\s+[a-z%][a-z]*|\b(mend(s|ed|ing)?|len[dt](s|ing)?|sought|heed(s|ed|ing)?|nobody|somebody|anybody|whoever|adopted\s+(ones?|builders?|pods?)|folders?|pictures?)\b`)

// standardTerms are what privateWord matches and may stay, and why.
func standardTerms() map[string]string {
	return map[string]string{
		"is no longer":                       "plain English",
		"nobody:x:65534:65534:nobody:/:/bin": "the user of that name in an image's /etc/passwd",
	}
}

// TestLanguage reads all string literals, comments and Markdown of the repository, as people do who
// scan them for the terms that they know.
func TestLanguage(t *testing.T) {
	read := map[string]int{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin" || entry.Name() == "dist"):
			return fs.SkipDir
		case entry.IsDir() || path == filepath.Join("..", "pkg", "language_test.go"):
			return nil
		}
		read[filepath.Ext(path)]++
		switch filepath.Ext(path) {
		case ".go":
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, found := range privateWordsOfGo(path, source) {
				t.Error(found)
			}
		case ".md":
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, found := range privateWords(path, 1, string(text)) {
				t.Error(found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read[".go"] < 300 || read[".md"] < 20 {
		t.Errorf("only these files were found: %v", read)
	}
}

// privateWordsOfGo finds private words in the string literals and comments of a file. Comments that
// follow each other are one text.
func privateWordsOfGo(path string, source []byte) (found []string) {
	files := token.NewFileSet()
	file := files.AddFile(path, -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	comment, first, last := "", 0, 0
	flush := func() {
		found = append(found, privateWords(path, first, comment)...)
		comment = ""
	}
	for {
		position, kind, literal := s.Scan()
		line := files.Position(position).Line
		switch {
		case kind == token.COMMENT && comment != "" && line == last+1:
			comment, last = comment+"\n"+literal, line
		case kind == token.COMMENT:
			flush()
			comment, first, last = literal, line, line+strings.Count(literal, "\n")
		default:
			flush()
		}
		switch kind {
		case token.STRING:
			found = append(found, privateWords(path, line, literal)...)
		case token.EOF:
			return found
		}
	}
}

// privateWords finds private words in a text that begins in that line, also where a line ends
// within a turn.
func privateWords(path string, line int, text string) (found []string) {
	text = marker.ReplaceAllStringFunc(text, func(mark string) string { return "\n" + strings.Repeat(" ", len(mark)-1) })
	for _, match := range privateWord.FindAllStringIndex(text, -1) {
		word := strings.Join(strings.Fields(text[match[0]:match[1]]), " ")
		if !isStandard(text, match[0], word) {
			found = append(found, fmt.Sprintf("%s:%d: %s", filepath.ToSlash(path), line+strings.Count(text[:match[0]], "\n"), word))
		}
	}
	return found
}

// marker is what begins a line of a comment or a quotation.
var marker = regexp.MustCompile(`\n[ \t]*(//|>)`)

// isStandard reports whether the word at that place is a standard term, or lies in one.
func isStandard(text string, at int, word string) bool {
	for term := range standardTerms() {
		if word == term {
			return true
		}
		for begin := max(0, at-len(term)); begin <= at; begin++ {
			if strings.HasPrefix(text[begin:], term) {
				return true
			}
		}
	}
	return false
}

func TestPrivateWordsAreSeen(t *testing.T) {
	const source = `package p

// Somebody reads what
// is no
// file, and it is no longer there.
var folder = "a folder" // code may be called so
var text = ` + "`It\nis no\nfile`" + `
/* a picture, lent */
var more = "heeds an adopted builder, adopted by anybody"
var passwd = "nobody:x:65534:65534:nobody:/:/bin/false"
var fine = "recommend, blend, lender, it is not a file"
`
	got := privateWordsOfGo("p.go", []byte(source))
	want := []string{"p.go:3: Somebody", "p.go:4: is no file", "p.go:6: folder", "p.go:8: is no file", "p.go:10: picture", "p.go:10: lent",
		"p.go:11: heeds", "p.go:11: adopted builder", "p.go:11: anybody"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := privateWords("a.md", 1, "# Title\n\nThe answer is\nno number.\n"); !slices.Equal(got, []string{"a.md:3: is no number"}) {
		t.Errorf("got %q", got)
	}
}
