package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestAdviceNamesKnownFlags reads every text of this package that names one of its commands, errors
// and their next steps among them, and checks that there is such a command, with the flags that the
// text gives it.
func TestAdviceNamesKnownFlags(t *testing.T) {
	checked := 0
	for _, text := range literals(t) {
		for _, advice := range strings.Split(text, "kubectl buildkit ")[1:] {
			advice, _, _ = strings.Cut(advice, "\n")
			advice = commandOf(advice)
			checked += checkAdvice(t, advice)
		}
	}
	if checked < 50 { // there are more flags in texts than that
		t.Errorf("only %d flags were found in texts", checked)
	}
}

// commandOf leaves out the prose after a command: it begins with a punctuation mark and a space.
func commandOf(advice string) string {
	return regexp.MustCompile(`[;,:.)]+(?: |$)`).Split(advice, 2)[0]
}

// checkAdvice is given what follows "kubectl buildkit", and returns how many flags it has found
// there.
func checkAdvice(t *testing.T, advice string) int {
	t.Helper()
	words := strings.FieldsFunc(advice, func(r rune) bool { return strings.ContainsRune(" \t,;:()\"'`", r) })
	if len(words) == 0 || strings.HasPrefix(words[0], "%") {
		return 0
	}
	command, _, err := newRootCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv)).Find(words)
	if err != nil {
		t.Errorf("%q: %v", advice, err)
		return 0
	}
	command.InitDefaultHelpFlag()
	found := 0
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		switch {
		case name == "--":
			return found // another program's
		case strings.HasPrefix(name, "--"):
			if command.Flag(name[2:]) == nil {
				t.Errorf("%q: %s has no flag %s", advice, command.CommandPath(), name)
			}
			found++
		case strings.HasPrefix(name, "-") && len(name) == 2:
			if command.Flags().ShorthandLookup(name[1:]) == nil && command.InheritedFlags().ShorthandLookup(name[1:]) == nil {
				t.Errorf("%q: %s has no flag %s", advice, command.CommandPath(), name)
			}
			found++
		}
	}
	return found
}

// literals are the texts in the sources of this package, and of those that explain errors and print
// builders.
func literals(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	explained, err := filepath.Glob("../explain/*.go")
	if err != nil || len(explained) < 10 {
		t.Fatalf("%v: %q", err, explained)
	}
	viewed, err := filepath.Glob("../view/*.go")
	if err != nil || len(viewed) < 5 {
		t.Fatalf("%v: %q", err, viewed)
	}
	paths = slices.Concat(paths, explained, viewed)
	var texts []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	return texts
}
