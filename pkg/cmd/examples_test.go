package cmd

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Every command shows how it is used, and accepts what it shows. hack/e2e runs the same examples on
// a cluster.
func TestExamplesAreAccepted(t *testing.T) {
	commands := documented(newRootCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv)))
	for _, c := range commands {
		if c.HasParent() && c.HasAvailableSubCommands() {
			continue // its commands have them
		}
		lines := exampleCalls(t, c.Example)
		if len(lines) == 0 {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, args := range lines {
			t.Run(strings.Join(args, " "), func(t *testing.T) { accepted(t, c, args) })
		}
	}
}

// exampleCalls are the arguments of every `kubectl buildkit` in the shell lines of an example.
func exampleCalls(t *testing.T, example string) [][]string {
	t.Helper()
	var calls [][]string
	for line := range strings.Lines(strings.ReplaceAll(example, "\\\n", " ")) {
		words, err := shlex.Split(line)
		if err != nil {
			t.Fatalf("%q is not a shell line: %v", line, err)
		}
		for i := range words {
			if !slices.Equal(words[i:min(i+2, len(words))], []string{"kubectl", "buildkit"}) {
				continue
			}
			args := words[i+2:]
			if end := slices.IndexFunc(args, endsCall); end >= 0 {
				args = args[:end]
			}
			calls = append(calls, args)
		}
	}
	return calls
}

func endsCall(word string) bool {
	return slices.Contains([]string{"|", "&&", "||", ";", "&"}, word) || strings.HasPrefix(word, ">") || strings.HasPrefix(word, "2>")
}

func accepted(t *testing.T, shownBy *cobra.Command, args []string) {
	t.Helper()
	root := newRootCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv))
	c, rest, err := root.Find(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Fatal(err)
	}
	if shownBy.HasParent() && c.CommandPath() != shownBy.CommandPath() {
		t.Errorf("%s shows how to use %s", shownBy.CommandPath(), c.CommandPath())
	}
}
