package pkg_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Only these places write to the streams below the escaping ones: what they write is either asked
// for byte for byte, or escaped on its way by what they hand the stream to.
func TestNothingUsesRawStreams(t *testing.T) {
	var found []use
	everyFile(t, func(name string, file *ast.File, files *token.FileSet) {
		inspect(file, func(node ast.Node, declaration string, _ []ast.Node) {
			if selector, ok := node.(*ast.SelectorExpr); ok && selector.Sel.Name == "Raw" && strings.HasPrefix(name, "cmd/") {
				found = append(found, use{file: name, declaration: declaration, name: "Raw", position: files.Position(node.Pos()).String()})
			}
		})
	})
	refuse(t, found, allowed{
		"cmd/factory.go:newFactory": "makes the streams that escape",
		"cmd/history_logs.go":       "the display of progress, which escapes",
		"cmd/build.go":              "the display of progress, which escapes, and -o -: an archive",
		"cmd/history_export.go":     "bundles and pages",
		"cmd/dial_stdio.go":         "BuildKit's protocol",
		"cmd/doctor.go":             "package checkup escapes each part",
		"cmd/proxy.go:command":      "the user's own program",
	}, "use f.streams, or its Results for a program's format")
}

// Text is written with the functions of pkg/escape, but for text to streams that escape, and text
// of several lines that is escaped before.
func TestNothingPrintsAround(t *testing.T) {
	found := uses(t, names{"fmt": {"Fprint", "Fprintf", "Fprintln"}, "io": {"WriteString"}})
	found = slices.DeleteFunc(outside(found, "escape/"), func(u use) bool {
		call, isCall := u.parents[len(u.parents)-1].(*ast.CallExpr)
		return isCall && len(call.Args) > 0 && isLocal(call)
	})
	refuse(t, found, allowed{
		"checkup/print.go:Print":             "escapes each part",
		"checkup/print.go:Flush":             "escapes each part",
		"cmd/completion.go":                  "this program's own text",
		"cmd/build.go:printStack":            "a stack, of many lines",
		"cmd/help.go":                        "this program's own text",
		"cmd/help_page.go":                   "this program's own text",
		"driver/pod_logs.go:write":           "lines of a log",
		"cmd/print_errors.go:printFailure":   "an error of several lines",
		"result/evaluation.go:PrintAnswer":   "the frontend's table, or JSON",
		"result/evaluation.go:printWarnings": "the frontend's table",
	}, "use escape.Fprintf or escape.Fprintln")
}

// isLocal reports whether a call writes to a variable of its own function.
func isLocal(call *ast.CallExpr) bool {
	switch to := call.Args[0].(type) {
	case *ast.UnaryExpr: // &text
		return to.Op == token.AND
	case *ast.Ident:
		return slices.Contains([]string{"conn", "hash", "sum", "h"}, to.Name)
	}
	return false
}
