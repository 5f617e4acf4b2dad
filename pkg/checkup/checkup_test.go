package checkup_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

func fixed(name string, finding checkup.Finding, needs ...string) checkup.Check {
	return checkup.Check{Name: name, Needs: needs, Run: func(context.Context) checkup.Finding { return finding }}
}

func TestChecksOnAFailedOneAreSkipped(t *testing.T) {
	ok := checkup.Finding{Status: checkup.OK, Message: "fine"}
	var reported []string
	results := checkup.Run(t.Context(), []checkup.Check{
		fixed("a", ok),
		fixed("b", checkup.Finding{Status: checkup.Failed, Message: "broken", Remedy: "fix it", Class: fault.Unavailable}, "a"),
		fixed("c", ok, "a", "b"),
		fixed("d", ok, "c"),
		fixed("e", checkup.Finding{Status: checkup.Unknown, Message: "hidden"}, "a"),
		fixed("f", checkup.Finding{Status: checkup.Failed, Class: fault.Denied}, "e"),
	}, func(r checkup.Result) { reported = append(reported, r.Name+"="+string(r.Status)) })
	if got, want := strings.Join(reported, " "), "a=ok b=failed c=skipped d=skipped e=unknown f=failed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if results[2].Message != `"b" comes first` || results[3].Message != `"b" comes first` {
		t.Errorf("reasons: %q, %q", results[2].Message, results[3].Message)
	}
	var failed *checkup.FailedError
	if !errors.As(checkup.Err(results), &failed) || fault.Of(failed) != fault.Unavailable || failed.Error() != "2 of 6 checks failed: b, f" {
		t.Errorf("error: %v", failed)
	}
}

func TestNothingFailed(t *testing.T) {
	results := checkup.Run(t.Context(), []checkup.Check{
		fixed("a", checkup.Finding{Status: checkup.Warning}), fixed("b", checkup.Finding{Status: checkup.Skipped}),
	}, func(checkup.Result) {})
	if err := checkup.Err(results); err != nil {
		t.Error(err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	checks := []checkup.Check{
		{Name: "a", Run: func(context.Context) checkup.Finding { cancel(); return checkup.Finding{Status: checkup.OK} }},
		fixed("b", checkup.Finding{Status: checkup.OK}),
	}
	if results := checkup.Run(ctx, checks, func(checkup.Result) {}); len(results) != 0 {
		t.Errorf("went on: %+v", results)
	}
}

func TestPrint(t *testing.T) {
	const long = "push: registry.example.com/team/app"
	checks := []checkup.Check{{Name: "API server"}, {Name: long}, {Name: strings.Repeat("x", 100)}}
	first := `"builder" comes first`
	results := []checkup.Result{
		{Name: "API server", Status: checkup.OK, Message: "v1.37.2 answers in 3 ms"},
		{Name: "builder", Status: checkup.Failed, Message: "none\nlast lines", Remedy: "kubectl buildkit install"},
		{Name: "certificates", Status: checkup.Skipped, Message: first}, {Name: "daemon", Status: checkup.Skipped, Message: first},
		{Name: "registries", Status: checkup.Skipped, Message: "none was named"},
		{Name: long, Status: checkup.Warning, Message: "hm"},
		{Name: "last", Status: checkup.Skipped, Message: first},
	}
	want := "ok       API server                          v1.37.2 answers in 3 ms\n" +
		"failed   builder                             none\n" +
		"         last lines\n" +
		"         → kubectl buildkit install\n" +
		"skipped  2 checks                            \"builder\" comes first: certificates, daemon\n" +
		"skipped  registries                          none was named\n" +
		"warning  push: registry.example.com/team/app hm\n" +
		"skipped  last                                \"builder\" comes first\n"
	for color, want := range map[bool]string{
		false: want,
		true:  strings.NewReplacer("failed   ", "\x1b[31mfailed   \x1b[0m", "warning  ", "\x1b[33mwarning  \x1b[0m").Replace(want),
	} {
		var out strings.Builder
		printer := checkup.NewPrinter(&out, checks, color)
		for _, result := range results {
			if err := printer.Print(result); err != nil {
				t.Fatal(err)
			}
		}
		if err := printer.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	}
}
