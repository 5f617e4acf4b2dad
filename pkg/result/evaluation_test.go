package result

import (
	"errors"
	"strings"
	"testing"
)

const (
	sourceJSON  = `"sources":[{"filename":"Dockerfile","data":"RlJPTSBhCg==","definition":{}}]`
	warningJSON = `{"ruleName":"Rule","description":"d","url":"https://example.com/rule","detail":"do not","location":{"ranges":[{"start":{"line":1},"end":{"line":1}}]}}`
	clean       = `{"warnings":null,"sources":null}`
	one         = `{"warnings":[` + warningJSON + `],` + sourceJSON + `}`
	two         = `{"warnings":[` + warningJSON + `,` + warningJSON + `],` + sourceJSON + `}`
	broken      = `{"warnings":null,` + sourceJSON + `,"buildError":{"message":"unknown instruction: NOPE","location":{"ranges":[{"start":{"line":1},"end":{"line":1}}]}}}`
)

func TestPrintAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		question string
		json     bool
		response map[string]string
		want     []string
	}{
		"no warnings":       {"lint", false, map[string]string{answerJSON: clean}, []string{"Check complete, no warnings found.\n"}},
		"a warning":         {"lint", false, map[string]string{answerJSON: one}, []string{"1 warning has been found!", "WARNING: Rule - https://example.com/rule", "sub/Dockerfile:1", ">>> FROM a"}},
		"two warnings":      {"lint", false, map[string]string{answerJSON: two}, []string{"2 warnings have been found!"}},
		"no build":          {"lint", false, map[string]string{answerJSON: broken}, []string{"unknown instruction: NOPE", "sub/Dockerfile:1"}},
		"no build, in JSON": {"lint", true, map[string]string{answerJSON: broken}, []string{broken + "\n", "unknown instruction: NOPE"}},
		"as JSON":           {"lint", true, map[string]string{answerJSON: one}, []string{one + "\n"}},
		"outline":           {"outline", false, map[string]string{answerJSON: "{}", answerText: "TARGET: a\n"}, []string{"TARGET: a\n"}},
		"JSON only":         {"mine", false, map[string]string{answerJSON: "{}"}, []string{"{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := New("", "", test.response).PrintAnswer(&out, test.question, test.json, "sub/Dockerfile")
			var unfit *BrokenError
			if errors.As(err, &unfit) {
				out.WriteString(unfit.Text)
			}
			if (unfit != nil) != strings.HasPrefix(name, "no build") || unfit == nil && err != nil {
				t.Errorf("got %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(out.String(), part) {
					t.Errorf("got %q, want %q", out.String(), part)
				}
			}
		})
	}
	if err := New("", "", nil).PrintAnswer(&strings.Builder{}, "lint", false, ""); err == nil {
		t.Error("an answer that is none is printed")
	}
}

func TestStatus(t *testing.T) {
	for code, fails := range map[string]bool{"": false, "0": false, "1": true, "x": false} {
		err := New("", "", map[string]string{answerStatus: code}).Status()
		var status *StatusError
		if errors.As(err, &status) != fails {
			t.Errorf("%q: got %v", code, err)
		}
	}
}
