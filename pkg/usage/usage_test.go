package usage

import "testing"

func TestError(t *testing.T) {
	for want, err := range map[string]*Error{
		`invalid --tag "A": it has upper case`: {What: "--tag", Value: "A", Reason: "it has upper case", Next: "use a"},
		`--check: leave it out`:                {What: "--check", Reason: "leave it out"},
		`unknown command "x"`:                  {What: `unknown command "x"`, Next: "kubectl buildkit --help"},
	} {
		next := ""
		if err.Next != "" {
			next = "; " + err.Next
		}
		if err.Text() != want || err.Error() != want+next {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}
