package cmd

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
)

// Every command of a next step exists, takes what it is given, and leaves to the reader only what
// only the reader can know.
func TestNextStepsAreCommands(t *testing.T) {
	text, err := os.ReadFile("../explain/testdata/next-steps.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) < 60 {
		t.Fatalf("there are %d next steps only", len(lines))
	}
	for _, line := range lines {
		next, blanks, _ := strings.Cut(line, "\t")
		checkNext(t, next, strings.Fields(blanks)...)
	}
}

// checkNext parses each command of a next step, and finds words that the reader would have to fill
// in.
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
		`describe pod ` + name + in, `get [a-z]+ ` + name + in + ` -o yaml`, `describe quota` + in, `logs ` + name + in + `( --previous)?`, `create namespace ` + name,
		`create rolebinding [A-Za-z0-9.-]+` + in + ` --role ` + name + ` (--user ('[^']+'|\S+)|--serviceaccount \S+:\S+)`,
		`auth can-i [a-z]+ \S+( -A|` + in + `)`, `get nodes( --show-labels)?`, `get (secrets|serviceaccounts|events)` + in, `get pods -l \S+`,
		`patch( [a-z]+/` + name + `)+` + in + ` --type merge -p '[{}":a-z]+'`, `wait pod/` + name + in + ` --for=delete`, `label namespace ` + name + ` \S+=\S+ --overwrite`, `delete pod ` + name + in, `delete pvc` + in + ` -l \S+`, `rollout restart \S+` + in,
		`config get-contexts`, `config view --minify`, `version`, `create secret docker-registry makes a Secret of the right type`,
	}
}
