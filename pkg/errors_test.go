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
	"testing"
)

// Every type of error has a class, or its exit code could be forgotten.
func TestEveryErrorHasAClass(t *testing.T) {
	built := listed(t)
	files := token.NewFileSet()
	// Packages are imported as the compiler has written them; their own types, exported or not, are read from the source.
	from := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(built[path].Export) })
	failure := types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	classes, err := from.Import(module + "/pkg/fault")
	if err != nil {
		t.Fatal(err)
	}
	classified := classes.Scope().Lookup("Classified").Type().Underlying().(*types.Interface)
	found := 0
	for _, p := range built {
		if p.Module.Path != module {
			continue
		}
		for _, object := range declaredTypes(t, files, from, p) {
			pointer := types.NewPointer(object.Type())
			if types.IsInterface(object.Type()) || !types.Implements(pointer, failure) {
				continue
			}
			found++
			if !types.Implements(pointer, classified) {
				t.Errorf("%s: %s.%s is an error without a class: add a method Class() fault.Class", files.Position(object.Pos()), object.Pkg().Name(), object.Name())
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d types of errors were found", found)
	}
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
