package pkg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// longestSleep is how long a test may do nothing: what takes longer is awaited by a condition, or
// in a bubble of testing/synctest, where it takes no time.
const longestSleep = 100 * time.Millisecond

// Tests wait for what they wait for, and not for a time in which it happens on one machine.
func TestTestsDoNotSleep(t *testing.T) {
	packages := map[string][]*ast.File{}
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "testdata":
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		packages[filepath.Dir(name)] = append(packages[filepath.Dir(name)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range slices.Sorted(maps.Keys(packages)) {
		for _, at := range sleeps(packages[directory]) {
			t.Errorf("%s: a test sleeps for %s or longer: await a condition, or use testing/synctest", files.Position(at), longestSleep)
		}
	}
}

// sleeps are the long ones of constant length in the functions of a package's tests that do not run
// in a bubble.
func sleeps(of []*ast.File) (found []token.Pos) {
	names := map[string]map[string]bool{} // by function: what it names
	starts, long := map[string]bool{}, map[string][]token.Pos{}
	for _, file := range of {
		inspect(file, func(node ast.Node, declaration string, _ []ast.Node) {
			if names[declaration] == nil {
				names[declaration] = map[string]bool{}
			}
			switch node := node.(type) {
			case *ast.Ident:
				names[declaration][node.Name] = true
			case *ast.CallExpr:
				switch calls(node) {
				case "synctest.Test":
					starts[declaration] = true
				case "time.Sleep":
					if length, ok := duration(node.Args[0]); ok && length >= longestSleep {
						long[declaration] = append(long[declaration], node.Pos())
					}
				}
			}
		})
	}
	inBubble := maps.Clone(starts)
	for grown := true; grown; { // what names a function that starts one, and what such functions alone name
		grown = false
		for function := range names {
			if !inBubble[function] && (namesOne(names[function], starts) || namedBy(names, function, inBubble)) {
				inBubble[function], grown = true, true
			}
		}
		for function := range names {
			if !starts[function] && namesOne(names[function], starts) {
				starts[function], grown = true, true
			}
		}
	}
	for _, function := range slices.Sorted(maps.Keys(long)) {
		if !inBubble[function] {
			found = append(found, long[function]...)
		}
	}
	return found
}

func namesOne(named, of map[string]bool) bool {
	for name := range named {
		if of[name] {
			return true
		}
	}
	return false
}

// namedBy reports whether there are functions that name this one, all of which are among those.
func namedBy(names map[string]map[string]bool, function string, among map[string]bool) bool {
	any := false
	for other, named := range names {
		if other != function && named[function] {
			if !among[other] {
				return false
			}
			any = true
		}
	}
	return any
}

// calls is what a call of a package's function names, e.g. "time.Sleep".
func calls(call *ast.CallExpr) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	from, _ := selector.X.(*ast.Ident)
	if from == nil || from.Obj != nil {
		return ""
	}
	return from.Name + "." + selector.Sel.Name
}

// duration evaluates a product of numbers and of time's units.
func duration(of ast.Expr) (time.Duration, bool) {
	units := map[string]time.Duration{
		"Nanosecond": time.Nanosecond, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
	}
	switch of := of.(type) {
	case *ast.BasicLit:
		number, err := strconv.ParseInt(of.Value, 0, 64)
		return time.Duration(number), err == nil
	case *ast.SelectorExpr:
		unit, ok := units[of.Sel.Name]
		return unit, ok
	case *ast.ParenExpr:
		return duration(of.X)
	case *ast.BinaryExpr:
		left, isLeft := duration(of.X)
		right, isRight := duration(of.Y)
		return left * right, isLeft && isRight && of.Op == token.MUL
	}
	return 0, false
}

// The check sees what it is for.
func TestSleepsAreSeen(t *testing.T) {
	const source = `package p
func TestPlain() { time.Sleep(2 * time.Second) }
func TestShort() { time.Sleep(99 * time.Millisecond); time.Sleep(pause) }
func TestExact() { func() { time.Sleep(100 * time.Millisecond) }() }
func TestBubble(t) { synctest.Test(t, func(t) { time.Sleep(time.Hour) }) }
func bubble(t, f) { synctest.Test(t, f) }
func TestHelped(t) { bubble(t, func(t) { time.Sleep(time.Second) }) }
func TestNamed(t) { synctest.Test(t, named) }
func named(t) { time.Sleep(time.Second) }
func TestBoth(t) { shared(t); named2 := 1 }
func TestBothToo(t) { bubble(t, shared) }
func shared(t) { time.Sleep(3 * time.Second) }
`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p/p_test.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, at := range sleeps([]*ast.File{file}) {
		got = append(got, files.Position(at).Line)
	}
	slices.Sort(got)
	if want := []int{2, 4, 12}; !slices.Equal(got, want) {
		t.Errorf("seen in lines %v, want %v", got, want)
	}
}
