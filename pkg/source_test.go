package pkg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// names are those of packages, by the import path. An empty list is the whole package.
type names map[string][]string

// use is where the code names something of a package.
type use struct {
	file        string // relative to pkg
	declaration string // the function, type or variable that it stands in; empty for an import
	name        string // with the import path, e.g. "os.Open"; "import PATH" for an import that hides the names
	position    string
	parents     []ast.Node // the nearest last
}

// allowed are the places that may name what is forbidden elsewhere, and why: files or
// FILE:DECLARATION.
type allowed map[string]string

// refuse fails for each use, but for those in the directories and at the places that are allowed,
// and for each place that needs no exception any more.
func refuse(t *testing.T, found []use, where allowed, advice string) {
	t.Helper()
	unused := maps.Clone(where)
	for _, use := range found {
		place := use.file + ":" + use.declaration
		_, wholeFile := where[use.file]
		_, function := where[place]
		if !wholeFile && !function {
			t.Errorf("%s: %s: %s, or allow %q with a reason", use.position, use.name, advice, place)
		}
		delete(unused, use.file)
		delete(unused, place)
	}
	for _, place := range slices.Sorted(maps.Keys(unused)) {
		t.Errorf("%q needs no exception", place)
	}
}

// outside leaves out the uses in files that begin so: the packages that are there for it.
func outside(found []use, prefixes ...string) []use {
	return slices.DeleteFunc(found, func(u use) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(u.file, prefix) })
	})
}

// uses are those in the product's code, whatever the imports are called there.
func uses(t *testing.T, of names) (found []use) {
	t.Helper()
	everyFile(t, func(name string, file *ast.File, files *token.FileSet) {
		found = append(found, usesIn(t, name, file, files, of)...)
	})
	return found
}

func usesIn(t *testing.T, name string, file *ast.File, files *token.FileSet, of names) (found []use) {
	t.Helper()
	imported := map[string]string{}
	for _, spec := range file.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list, known := of[from]
		called := path.Base(from)
		if spec.Name != nil {
			called = spec.Name.Name
		}
		imported[called] = from
		if known && (called == "." || len(list) == 0) {
			found = append(found, use{file: name, name: "import " + from, position: files.Position(spec.Pos()).String()})
		}
	}
	inspect(file, func(node ast.Node, declaration string, parents []ast.Node) {
		selector, isSelector := node.(*ast.SelectorExpr)
		if !isSelector {
			return
		}
		from, isName := selector.X.(*ast.Ident)
		if !isName || from.Obj != nil || !slices.Contains(of[imported[from.Name]], selector.Sel.Name) {
			return // an identifier with an object is a variable, not a package
		}
		found = append(found, use{
			file: name, declaration: declaration, name: imported[from.Name] + "." + selector.Sel.Name,
			position: files.Position(selector.Pos()).String(), parents: slices.Clone(parents),
		})
	})
	return found
}

// inspect visits the nodes of the file's declarations, with the name of the declaration.
func inspect(file *ast.File, visit func(node ast.Node, declaration string, parents []ast.Node)) {
	for _, declaration := range file.Decls {
		for name, declared := range declared(declaration) {
			var parents []ast.Node
			ast.Inspect(declared, func(node ast.Node) bool {
				if node == nil {
					parents = parents[:len(parents)-1]
					return true
				}
				visit(node, name, parents)
				parents = append(parents, node)
				return true
			})
		}
	}
}

// declared are the functions, and the variables and types, of a declaration.
func declared(declaration ast.Decl) map[string]ast.Node {
	all := map[string]ast.Node{}
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		all[declaration.Name.Name] = declaration
	case *ast.GenDecl:
		for _, spec := range declaration.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				all[spec.Names[0].Name] = spec
			case *ast.TypeSpec:
				all[spec.Name.Name] = spec
			}
		}
	}
	return all
}

func everyFile(t *testing.T, visit func(name string, file *ast.File, files *token.FileSet)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "internal"): // internal is for tests alone
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, 0)
		if err == nil {
			visit(filepath.ToSlash(name), file, files)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The checks of the code see what they are for, whatever the import is called, in calls and in
// values.
func TestUsesAreSeen(t *testing.T) {
	const source = `package p
import (
	. "path/filepath"
	_ "io/ioutil"
	system "os"
	"example.com/os"
)
type s struct{ open func() }
func (s *s) method() { f := system.ReadFile; _ = f }
func local(system struct{ Open int }) { _ = system.Open; _ = os.Open }
var value = func() { _, _ = system.Stat("") }
type field struct { f *system.File }
func deep() { _ = func() { system.Stat("") } }
`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p/p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, use := range usesIn(t, "p/p.go", file, files, names{"os": {"Open", "ReadFile", "Stat", "File"}, "path/filepath": {"Glob"}, "io/ioutil": nil}) {
		got = append(got, use.declaration+" "+use.name)
	}
	want := []string{" import path/filepath", " import io/ioutil", "method os.ReadFile", "value os.Stat", "field os.File", "deep os.Stat"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
