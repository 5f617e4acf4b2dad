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

// readers are the functions that look at files, by the path of their package. A package whose list is empty reads with
// everything that it has.
func readers() map[string][]string {
	return map[string][]string{
		"os":                           {"Open", "OpenFile", "OpenRoot", "OpenInRoot", "ReadFile", "ReadDir", "Readlink", "Stat", "Lstat", "DirFS", "CopyFS"},
		"path/filepath":                {"Walk", "WalkDir", "EvalSymlinks", "Glob"},
		"io/ioutil":                    {},
		"syscall":                      {"Open", "Openat", "Stat", "Lstat", "Readlink"},
		"golang.org/x/sys/unix":        {"Open", "Openat", "Openat2", "Stat", "Lstat", "Readlink", "Readlinkat"},
		"github.com/tonistiigi/fsutil": {"NewFS", "NewRootFS", "NewRoot", "Walk", "WalkDir", "Stat"},
		"github.com/moby/buildkit/client/ociindex":                  {},
		"github.com/containerd/containerd/v2/plugins/content/local": {},
	}
}

// excused are the places outside of safefile that may look at files themselves, and why. They are files and functions.
func excused() map[string]string {
	const (
		socket = "it looks at the socket that this plugin made, and follows no link to it"
		store  = "it replaces the docker config, and follows the user's own link to it"
		config = "it reads the docker config of the user, regular and bounded, by its own errors"
	)
	return map[string]string{
		"proxy/folder.go:Folder":                socket,
		"proxy/folder.go:private":               socket,
		"proxy/signal_unix.go:fromTerminal":     "it asks the terminal who is in the foreground, and reads nothing",
		"proxy/socket.go:Listen":                socket,
		"proxy/socket.go:Close":                 socket,
		"proxy/socket.go:clearStale":            socket,
		"registryauth/authority.go:store":       store,
		"registryauth/config.go:readBounded":    config,
		"registryauth/document.go:openDocument": config,
		"registryauth/scoped.go:findScoped":     config,
		"registryauth/survey.go:Survey":         config,
	}
}

// Files of the user are read through safefile alone: a place of its own follows links out of what the user named, waits
// for ever at a pipe, or takes a terabyte into memory.
func TestFilesAreReadThroughSafefile(t *testing.T) {
	left := maps.Clone(excused())
	for _, use := range uses(t, readers()) {
		if strings.HasPrefix(use.place, "safefile/") {
			continue
		}
		if _, ok := excused()[use.place]; !ok {
			t.Errorf("%s: %s: read through pkg/safefile, or excuse %q with a reason", use.position, use.function, use.place)
		}
		delete(left, use.place)
	}
	for _, place := range slices.Sorted(maps.Keys(left)) {
		t.Errorf("%q is excused and reads nothing", place)
	}
}

// The check sees what it is for, whatever the import is called.
func TestUsesAreSeenUnderEveryName(t *testing.T) {
	const source = `package p
import (
	. "path/filepath"
	system "os"
	"example.com/os"
)
type s struct{ open func() }
func (s *s) method() { f := system.ReadFile; _ = f }
func local(system struct{ Open int }) { _ = system.Open; _ = os.Open }
var value = func() { _, _ = system.Stat("") }
`
	var got []string
	for _, use := range usesIn(t, "p/p.go", source, readers()) {
		got = append(got, use.place+" "+use.function)
	}
	want := []string{"p/p.go: . path/filepath", "p/p.go:method os.ReadFile", "p/p.go:value os.Stat"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// use is where one of the functions is named.
type use struct{ place, function, position string }

// uses are those of the product's code.
func uses(t *testing.T, functions map[string][]string) (all []use) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			all = append(all, usesIn(t, filepath.ToSlash(name), nil, functions)...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func usesIn(t *testing.T, name string, source any, functions map[string][]string) (all []use) {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{}
	for _, spec := range parsed.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, known := functions[from]; !known {
			continue
		}
		called := path.Base(from)
		if spec.Name != nil {
			called = spec.Name.Name
		}
		if called == "." {
			all = append(all, use{place: name + ":", function: ". " + from, position: files.Position(spec.Pos()).String()})
		}
		imported[called] = from
	}
	for _, declaration := range parsed.Decls {
		for _, named := range declared(declaration) {
			ast.Inspect(named.node, func(node ast.Node) bool {
				selector, ok := node.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				// An identifier with an object is a variable of that name, not the package.
				from, ok := selector.X.(*ast.Ident)
				if !ok || from.Obj != nil {
					return true
				}
				functionsOf, known := functions[imported[from.Name]]
				if known && (len(functionsOf) == 0 || slices.Contains(functionsOf, selector.Sel.Name)) {
					all = append(all, use{
						place: name + ":" + named.name, function: imported[from.Name] + "." + selector.Sel.Name,
						position: files.Position(selector.Pos()).String(),
					})
				}
				return true
			})
		}
	}
	return all
}

type namedNode struct {
	name string
	node ast.Node
}

// declared are the functions, and the variables and types, of a declaration.
func declared(declaration ast.Decl) (all []namedNode) {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		return []namedNode{{declaration.Name.Name, declaration}}
	case *ast.GenDecl:
		for _, spec := range declaration.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				all = append(all, namedNode{spec.Names[0].Name, spec})
			case *ast.TypeSpec:
				all = append(all, namedNode{spec.Name.Name, spec})
			}
		}
	}
	return all
}
