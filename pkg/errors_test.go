package pkg_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every type of error has a class, or its exit code could be forgotten. The library names the types
// that it returns.
func TestEveryErrorHasAClass(t *testing.T) {
	built := listed(t)
	files := token.NewFileSet()
	// Packages are imported as the compiler has written them; their own types, exported or not, are
	// read from the source.
	from := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(built[path].Export) })
	failure := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	classes, err := from.Import(module + "/pkg/fault")
	if err != nil {
		t.Fatal(err)
	}
	classified := classes.Scope().Lookup("Classified").Type().Underlying().(*types.Interface)
	found := map[string]bool{}
	for _, p := range built {
		if p.Module.Path != module {
			continue
		}
		for _, object := range declaredTypes(t, files, from, p) {
			pointer := types.NewPointer(object.Type())
			if types.IsInterface(object.Type()) || !types.Implements(pointer, failure) {
				continue
			}
			found["*"+object.Pkg().Name()+"."+object.Name()] = true
			if !types.Implements(pointer, classified) {
				t.Errorf("%s: %s.%s is an error without a class: add a method Class() fault.Class", files.Position(object.Pos()), object.Pkg().Name(), object.Name())
			}
		}
	}
	if len(found) < 60 {
		t.Errorf("only %d types of errors were found", len(found))
	}
	t.Run("the library documents its errors", func(t *testing.T) { documentsErrors(t, "driver", found) })
}

// listedPackage is what the go command says about a package.
type listedPackage struct {
	ImportPath, Dir string
	Export          string // the file with what the compiler has written of it
	GoFiles         []string
	Module          struct{ Path string }
}

// listed returns the packages of pkg, and all they import, by their import paths.
func listed(t *testing.T) map[string]listedPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles,Module", "./...").Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	all := map[string]listedPackage{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p listedPackage
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	return all
}

// declaredTypes returns the types that a package declares.
func declaredTypes(t *testing.T, files *token.FileSet, from types.Importer, p listedPackage) (objects []types.Object) {
	t.Helper()
	var syntax []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		syntax = append(syntax, file)
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	if _, err := (&types.Config{Importer: from, IgnoreFuncBodies: true}).Check(p.ImportPath, files, syntax, info); err != nil {
		t.Fatal(err)
	}
	for _, object := range info.Defs {
		if name, is := object.(*types.TypeName); is && !name.IsAlias() {
			objects = append(objects, object)
		}
	}
	return objects
}

// documentsErrors fails for an exported function that returns an error and does not document which,
// and for the name of a type that does not exist.
func documentsErrors(t *testing.T, name string, exist map[string]bool) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(name, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files, functions := token.NewFileSet(), 0
	for _, path := range paths {
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, comment := range file.Comments {
			for _, found := range regexp.MustCompile(`\*(\w+\.)?\w+Error\b`).FindAllString(comment.Text(), -1) {
				if !strings.Contains(found, ".") {
					found = "*" + name + "." + found[1:]
				}
				if !exist[found] {
					t.Errorf("%s: no error %s", files.Position(comment.Pos()), found)
				}
			}
		}
		for _, declaration := range file.Decls {
			function, is := declaration.(*ast.FuncDecl)
			if !is || !function.Name.IsExported() || !isExported(function.Recv) || function.Name.Name == "Unwrap" || !returnsError(function) {
				continue
			}
			functions++
			if !regexp.MustCompile(`\*(\w+\.)?\w+Error\b|\berror\s+(is|has)\b|\berror\s+of\b`).MatchString(function.Doc.Text()) {
				t.Errorf("%s: %s does not document its errors", files.Position(function.Pos()), function.Name.Name)
			}
		}
	}
	if functions < 20 {
		t.Errorf("only %d functions of pkg/%s return errors", functions, name)
	}
}

// isExported reports whether a receiver's type is exported, or there is none.
func isExported(receiver *ast.FieldList) bool {
	if receiver == nil {
		return true
	}
	named := receiver.List[0].Type
	if pointer, is := named.(*ast.StarExpr); is {
		named = pointer.X
	}
	name, is := named.(*ast.Ident)
	return !is || name.IsExported()
}

func returnsError(function *ast.FuncDecl) bool {
	if function.Type.Results == nil {
		return false
	}
	for _, result := range function.Type.Results.List {
		if name, is := result.Type.(*ast.Ident); is && name.Name == "error" {
			return true
		}
	}
	return false
}
