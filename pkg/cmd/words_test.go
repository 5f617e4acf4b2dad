package cmd

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

func newTestRoot() *cobra.Command {
	return newRootCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv))
}

// Every word of another program is unknown here, is answered, and its next step is a command that
// can be pasted.
func TestTranslations(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range explain.Translations() {
		checkNext(t, row.Next)
		for _, word := range row.Words {
			if key := row.Command + " " + word; seen[key] {
				t.Errorf("%q is answered twice", key)
			} else {
				seen[key] = true
			}
			args := append(strings.Fields(row.Command), word)
			stdout, stderr, code := call(t, args...)
			if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, row.Reason) || !strings.Contains(stderr, "next:  "+row.Next+"\n") {
				t.Errorf("%q: exit %d, %q", args, code, stderr)
			}
		}
	}
	for _, word := range []string{
		"create", "use", "inspect", "rm", "bake", "imagetools", "context", "exec", "push", "images", "ps", "--version",
	} {
		if _, found := explain.Translate("", word); !found {
			t.Errorf("%q is not answered", word)
		}
	}
}

// A suggestion is close, and never loses anything.
func TestNoSuggestionOfADestructiveOrDistantWord(t *testing.T) {
	for _, args := range [][]string{
		{"uninstal"}, {"purne"}, {"prun"}, {"history", "r"}, {"history", "opn"}, {"x"}, {"xx"}, {"zz", "x"},
		{"list", "-v"}, {"info", "-p"}, {"build", "-A", "."}, {"info", "-w"}, {"info", "-y"}, {"info", "-c"}, {"info", "-x"}, {"info", "--al"}, {"list", "--al"},
		{"uninstall", "--forc"}, {"uninstall", "--purg"}, {"history", "rm", "--al"}, {"prune", "--forse"},
	} {
		if _, stderr, code := call(t, args...); code != explain.CodeUsage || strings.Contains(stderr, "did you mean") {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
	}
}

func TestOneWayToNameTheBuilder(t *testing.T) {
	for _, name := range []string{"install", "uninstall", "info", "du", "prune", "logs", "doctor", "history list", "history stats"} {
		for args, want := range map[string]string{"": "buildkitd", "a": "a", "--builder a": "a", "a --builder a": "a", "a --builder b": "", "a b": ""} {
			c, _, err := newTestRoot().Find(strings.Fields(name))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.ParseFlags(strings.Fields(args)); err != nil {
				t.Errorf("%s %s: %v", name, args, err)
				continue
			}
			err = c.ValidateArgs(c.Flags().Args())
			if (err == nil) != (want != "") || want != "" && nameArgument(c, c.Flags().Args()) != want {
				t.Errorf("%s %s: %v, %q", name, args, err, nameArgument(c, c.Flags().Args()))
			}
		}
	}
	// The others say --builder, since their arguments are something else.
	for _, name := range []string{"build", "proxy", "dial-stdio", "history inspect", "history rm"} {
		if c, _, err := newTestRoot().Find(strings.Fields(name)); err != nil || c.Flag("builder") == nil {
			t.Errorf("%s has no --builder: %v", name, err)
		}
	}
}

// What Go and the libraries say of a wrong argument is said in this program's words.
func TestNoWordsOfGo(t *testing.T) {
	for _, args := range [][]string{
		{"install", "--replicas", "abc"}, {"install", "--replicas", "99999999999999"}, {"logs", "--tail", "abc"}, {"install", "--wait=abc"}, {"install", "--timeout", "abc"},
		{"history", "pin"}, {"list", "foo"}, {"version", "extra"}, {"dial-stdio", "foo"}, {"completion", "bash"}, {"build", "--rm=perhaps", "."}, {"help", "nonsense"},
	} {
		_, stderr, code := call(t, args...)
		if code != explain.CodeUsage || !strings.Contains(stderr, "next:  ") {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
		for _, words := range []string{"strconv", "arg(s)", "invalid syntax", "unknown command \"foo\"", "time:"} {
			if strings.Contains(stderr, words) {
				t.Errorf("%q: %q", args, stderr)
			}
		}
	}
}

func TestNoTypesOfGo(t *testing.T) {
	for text, want := range map[string]string{
		"f: json: cannot unmarshal string into Go struct field Config.clusters of type []v1.NamedCluster":                    "f: invalid value of clusters: it must not be a string",
		`f: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\"" }`: "f: invalid content: a array in place of an object",
		"no such file": "no such file",
	} {
		if got := (&driver.KubeconfigError{Err: errors.New(text)}).Error(); got != "reading the kubeconfig: "+want {
			t.Errorf("got %q", got)
		}
	}
}
