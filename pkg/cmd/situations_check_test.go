package cmd

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func TestSituations(t *testing.T) {
	for _, c := range situations() {
		told := explain(t.Context(), c.err)
		if told.code != c.code || !strings.Contains(told.text, c.text) || !strings.Contains(told.next, c.next) {
			t.Errorf("%T %v\ngot  %d, %q\nnext %q\nwant %d, %q\nnext %q", c.err, c.err, told.code, told.text, told.next, c.code, c.text, c.next)
		}
		if c.code != exitFailed && c.text != "" && told.text == "" {
			t.Errorf("%T: nothing is said", c.err)
		}
		checkNext(t, told.next, strings.Fields(c.blanks)...)
	}
}

// checkNext parses each command of a next step, and finds words that the reader would have to fill in.
func checkNext(t *testing.T, next string, blanks ...string) {
	t.Helper()
	for _, text := range strings.Split(next, "kubectl ")[1:] {
		text = commandOf(text)
		words, err := shlex.Split(text)
		if err != nil || len(words) == 0 {
			t.Errorf("%q: %v", next, err)
			continue
		}
		for _, blank := range regexp.MustCompile(`\b[A-Z]{3,}\b`).FindAllString(text, -1) {
			if !slices.Contains(blanks, blank) && blank != "HTTPS_PROXY" {
				t.Errorf("%q leaves %s to the reader", next, blank)
			}
		}
		if words[0] == "buildkit" {
			checkCommand(t, next, proseless(words[1:]))
			continue
		}
		if !slices.ContainsFunc(kubectlCommands(), func(form string) bool {
			return regexp.MustCompile("^" + form + "$").MatchString(strings.TrimSpace(text))
		}) {
			t.Errorf("%q: kubectl %q is in no form that this test knows", next, text)
		}
	}
}

// proseless leaves out what begins with a word of prose: "with a higher --limit", "and", "again".
func proseless(words []string) []string {
	if i := slices.IndexFunc(words, func(word string) bool { return slices.Contains([]string{"with", "and", "to", "as"}, word) }); i > 0 {
		return words[:i]
	}
	return words
}

func checkCommand(t *testing.T, next string, args []string) {
	t.Helper()
	c, rest, err := newTestRoot().Find(args)
	if err == nil {
		c.InitDefaultHelpFlag()
		err = c.ParseFlags(rest)
	}
	if help := c.Flag("help"); err == nil && (help == nil || !help.Changed) && c.Name() != "build" && c.Name() != "history" {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil {
		t.Errorf("%q: %v", next, err)
	}
}

// kubectlCommands are the forms of kubectl's commands that next steps have.
func kubectlCommands() []string {
	const name, in = `[a-z0-9.-]+`, ` -n [a-z0-9-]+`
	return []string{
		`describe pod ` + name + in, `describe quota` + in, `logs ` + name + in + `( --previous)?`, `create namespace ` + name,
		`create rolebinding [A-Za-z0-9.-]+` + in + ` --role ` + name + ` (--user ('[^']+'|\S+)|--serviceaccount \S+:\S+)`,
		`auth can-i [a-z]+ \S+( -A|` + in + `)`, `get nodes( --show-labels)?`, `get (secrets|serviceaccounts|events)` + in, `get pods -l \S+`,
		`wait pod/` + name + in + ` --for=delete`, `label namespace ` + name + ` \S+=\S+ --overwrite`, `delete pod ` + name + in, `rollout restart \S+` + in,
		`config get-contexts`, `version`, `create secret docker-registry makes a Secret of the right type`,
	}
}

// Every type of error that a package declares has a row, or a reason to have none; so has every reason of a build.
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
			t.Errorf("%s has a row, or is gone: take it out of rowless", name)
		}
	}
	for _, reason := range constants {
		if !reasons[solve.Reason(reason)] {
			t.Errorf("reason %q of a build has no row", reason)
		}
	}
}

// rowless are the errors that no reader gets as they are, with the reason.
func rowless() map[string]string {
	return map[string]string{
		"registryauth.SourceError":   "part of a DeniedError",
		"safefile.NotRegularError":   "the readers make usage errors of their flags of it",
		"safefile.TooLargeError":     "the readers make usage errors of their flags of it",
		"safefile.LeavesError":       "the readers make usage errors of their flags of it",
		"safefile.DanglingError":     "the readers make usage errors of their flags of it",
		"registryauth.PlainError":    "part of a TokenError or an UnreachableError",
		"registryauth.RedirectError": "part of a TokenError or an UnreachableError",
		"trust.UnusableError":        "part of an ExpiredError",
		"proxy.SocketError":          "a usage.Error reports it",
		"cluster.UntrustedError":     "has a test of its own beside it",
		"cluster.UnverifiedError":    "has a test of its own beside its explanation",
		"result.AnswerError":         "has a test of its own beside its explanation",
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
			case *ast.TypeSpec:
				// What a package does not export it makes something else of.
				if strings.HasSuffix(is.Name.Name, "Error") && (is.Name.IsExported() || file.Name.Name == "cmd") {
					types = append(types, file.Name.Name+"."+is.Name.Name)
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
