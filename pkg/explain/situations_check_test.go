package explain

import (
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// nextSteps has the next step of every situation, with the placeholders that only the reader can
// fill in. That its commands exist is tested where they are, in pkg/cmd.
const nextSteps = "testdata/next-steps.txt"

// update writes the file anew: go test ./pkg/explain -update-next-steps.
var update = flag.Bool("update-next-steps", false, "write "+nextSteps+" anew")

func TestSituations(t *testing.T) {
	lines := []string{}
	for _, c := range situations() {
		report := Error(c.err)
		has := func(got, part string) bool { return strings.Contains(got, part) && (got == "") == (part == "") }
		if report.Code != c.code || !has(report.Text, c.text) || !has(report.Next, c.next) {
			t.Errorf("%T %v\ngot  %d, %q\nnext %q\nwant %d, %q\nnext %q", c.err, c.err, report.Code, report.Text, report.Next, c.code, c.text, c.next)
		}
		if report.Next != "" {
			lines = append(lines, report.Next+"\t"+c.blanks+"\n")
		}
	}
	slices.Sort(lines)
	want := strings.Join(slices.Compact(lines), "")
	if *update {
		if err := os.WriteFile(nextSteps, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(nextSteps)
	if err != nil || string(got) != want {
		t.Errorf("%s is stale (%v): go test ./pkg/explain -update-next-steps", nextSteps, err)
	}
}

// Every type of error that a package declares has a row, or a reason to have none; so has every
// reason of a build.
func TestEveryErrorHasARow(t *testing.T) {
	rows := map[string]bool{}
	reasons := map[solve.Reason]bool{}
	var note func(error)
	note = func(err error) {
		if err == nil {
			return
		}
		rows[strings.TrimPrefix(reflect.TypeOf(err).String(), "*")] = true
		var found *solve.DiagnosedError
		if errors.As(err, &found) {
			reasons[found.Reason] = true
		}
		switch wrapping := err.(type) { //nolint:errorlint // the chain is walked
		case interface{ Unwrap() error }:
			note(wrapping.Unwrap())
		case interface{ Unwrap() []error }:
			for _, each := range wrapping.Unwrap() {
				note(each)
			}
		}
	}
	for _, c := range situations() {
		note(c.err)
	}
	without := rowless()
	types, constants := declared(t)
	for _, name := range types {
		if _, excused := without[name]; !rows[name] && !excused {
			t.Errorf("%s: add a row to situations_test.go with its text, next step and exit code", name)
		}
	}
	for name := range without {
		if rows[name] || !slices.Contains(types, name) {
			t.Errorf("%s has a row, or is deleted: take it out of rowless", name)
		}
	}
	for _, reason := range constants {
		if !reasons[solve.Reason(reason)] {
			t.Errorf("reason %q of a build has no row", reason)
		}
	}
}

// rowless are the errors that are never explained as they are, with the error that carries their
// text.
func rowless() map[string]string {
	return map[string]string{
		"registryauth.SourceError": "a field of a DeniedError, which has rows for each of its origins",
		"safefile.NotRegularError": "the reason of a usage.Error, or the cause of an upload.FileError",
		"safefile.TooLargeError":   "the reason of a usage.Error",
		"safefile.LeavesError":     "the reason of a usage.Error, or the cause of an upload.FileError",
		"safefile.DanglingError":   "the reason of a usage.Error, or the cause of an upload.FileError",
	}
}

// declared are the types of errors that the packages declare, and the values of solve.Reason.
func declared(t *testing.T) (types, reasons []string) {
	t.Helper()
	paths, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch is := node.(type) {
			case *ast.FuncDecl:
				// What a package does not export it makes something else of.
				if name := errorType(is); name != "" && (ast.IsExported(name) || file.Name.Name == "cmd") {
					types = append(types, file.Name.Name+"."+name)
				}
			case *ast.ValueSpec:
				if named, ok := is.Type.(*ast.Ident); ok && named.Name == "Reason" && file.Name.Name == "solve" {
					reasons = append(reasons, strings.Trim(is.Values[0].(*ast.BasicLit).Value, `"`))
				}
			}
			return true
		})
	}
	if len(types) < 40 || len(reasons) < 10 {
		t.Fatalf("found %d types and %d reasons only", len(types), len(reasons))
	}
	return types, reasons
}

// errorType returns the type that a method makes an error, whatever it is called; empty for other
// functions.
func errorType(function *ast.FuncDecl) string {
	if function.Recv == nil || function.Name.Name != "Error" || function.Type.Params.NumFields() != 0 || function.Type.Results.NumFields() != 1 {
		return ""
	}
	receiver := function.Recv.List[0].Type
	if pointer, is := receiver.(*ast.StarExpr); is {
		receiver = pointer.X
	}
	if name, is := receiver.(*ast.Ident); is {
		return name.Name
	}
	return ""
}
