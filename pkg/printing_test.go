package pkg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// raw are the places that may write to the streams below the escaping ones, by file: what they write is either asked for
// byte for byte, or escaped on its way by what they hand the stream to.
func raw() map[string]string {
	return map[string]string{
		"cmd/factory.go":        "makes the streams",
		"cmd/streams.go":        "results: formats for programs",
		"cmd/run.go":            "the display of progress, which escapes",
		"cmd/history_logs.go":   "the display of progress, which escapes",
		"cmd/build.go":          "-o -: an archive",
		"cmd/history_export.go": "bundles and pages",
		"cmd/dial_stdio.go":     "BuildKit's protocol",
		"cmd/doctor.go":         "package checkup escapes each part",
		"cmd/proxy_serve.go":    "the user's own program",
	}
}

// plain are the places that write text without the functions of pkg/escape: to streams that escape, and text of several
// lines that is escaped before.
func plain() map[string]int {
	return map[string]int{
		"checkup/print.go":     2, // escapes each part
		"cmd/completion.go":    1, // this program's own text
		"cmd/evaluation.go":    1, // a stack, of many lines
		"cmd/help.go":          2, // this program's own text
		"cmd/logs.go":          1, // lines of a log
		"cmd/streams.go":       1, // an error of several lines
		"result/evaluation.go": 4, // the frontend's table, or JSON
	}
}

// Nothing prints around the escaping functions and streams.
func TestNothingPrintsAround(t *testing.T) {
	root, written := ".", map[string]int{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name := filepath.ToSlash(path)
		if strings.HasPrefix(name, "escape/") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.SelectorExpr:
				if _, known := raw()[name]; node.Sel.Name == "raw" && strings.HasPrefix(name, "cmd/") && !known {
					t.Errorf("%s uses a stream that does not escape: use f.streams, or f.results() for a program's format", set.Position(node.Pos()))
				}
			case *ast.CallExpr:
				if prints(node) {
					if written[name]++; written[name] > plain()[name] {
						t.Errorf("%s prints what may come from outside: use escape.Fprintf or escape.Fprintln", set.Position(node.Pos()))
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, count := range plain() {
		if written[name] < count {
			t.Errorf("%s prints in %d places, the list says %d", name, written[name], count)
		}
	}
}

// prints reports whether a call writes text to something else than a variable of its own function.
func prints(call *ast.CallExpr) bool {
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	of, ok := function.X.(*ast.Ident)
	if !ok || !slices.Contains([]string{"fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln", "io.WriteString"}, of.Name+"."+function.Sel.Name) {
		return false
	}
	switch to := call.Args[0].(type) {
	case *ast.UnaryExpr: // &text
		return to.Op != token.AND
	case *ast.Ident:
		return !slices.Contains([]string{"conn", "hash", "sum", "h"}, to.Name)
	}
	return true
}
