package completion

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// values leaves out the descriptions.
func values(words []string) []string {
	for i, word := range words {
		words[i], _, _ = strings.Cut(word, "\t")
	}
	return words
}

func TestWords(t *testing.T) {
	for typed, c := range map[string]struct {
		want []string
		more bool
	}{
		"":          {[]string{"type=oci,dest=", "type=image", "auto"}, true},
		"type=i":    {[]string{"type=image"}, false},
		"type=o":    {[]string{"type=oci,dest="}, true},
		"autopilot": {nil, false},
	} {
		words, more := oneOf("type=oci,dest=", "type=image", "auto\tas it fits").Words(t.Context(), Query{Typed: typed})
		if !slices.Equal(values(words), c.want) || more != c.more {
			t.Errorf("%q: %q, goes on: %v", typed, words, more)
		}
	}
}

// A candidate is a line with the very word, also where another user chose its description. A name
// that a line cannot hold is left out, since a shell would insert another one.
func TestWordsAreLines(t *testing.T) {
	words, _ := oneOf("a\tc\td\ne\x1b]0;owned\x07", "x\x1b[31m\tred", "new\nline", "\xff", "\u202eb").Words(t.Context(), Query{})
	if len(words) != 1 || strings.ContainsAny(words[0], "\x1b\x07\n") || !strings.HasPrefix(words[0], "a\t") || strings.Count(words[0], "\t") != 1 {
		t.Errorf("%q", words)
	}
	q := Query{Kubeconfig: func() (api.Config, error) {
		return api.Config{Contexts: map[string]*api.Context{"dev": nil, "prod\tdev": nil, "with space": nil, "$(id)": nil, "a\nb": nil}}, nil
	}}
	if words, _ := Flags()["--context"].Words(t.Context(), q); !slices.Equal(words, []string{"$(id)", "dev", "with space"}) {
		t.Errorf("%q", words)
	}
}

func TestListsCompleteTheirLastWord(t *testing.T) {
	words, _ := someOf(oneOf("amd64", "arm64")).Words(t.Context(), Query{Typed: "riscv64,ar"})
	if !slices.Equal(words, []string{"riscv64,arm64"}) {
		t.Errorf("%q", words)
	}
}

// query is one about a cluster.
func query(c *testcluster.Cluster, typed string) Query {
	return Query{Driver: driver.New(c.Config(), testcluster.Namespace), Typed: typed, Kubeconfig: func() (api.Config, error) {
		return api.Config{Contexts: map[string]*api.Context{"b": nil, "a": nil}}, nil
	}}
}

func TestNamesOfTheCluster(t *testing.T) {
	c := testcluster.New(t)
	t.Cleanup(c.Close)
	c.Install(builder.Spec{Name: "arm"})
	c.Install(builder.Spec{Name: "team"})
	if words, _ := Completer(Builders).Words(t.Context(), query(c, "")); !slices.Equal(words, []string{"arm\tbuilder of 1", "team\tbuilder of 1"}) {
		t.Errorf("builders: %q", words)
	}
	if words, _ := Flags()["--context"].Words(t.Context(), query(c, "")); !slices.Equal(words, []string{"a", "b"}) {
		t.Errorf("contexts: %q", words)
	}
}

// What cannot be asked is left out: the kinds of Secret sources are known without a cluster, its
// Secrets are not.
func TestSilentWhereNothingAnswers(t *testing.T) {
	c := testcluster.New(t)
	t.Cleanup(c.Close)
	c.Down(errors.New("no route to host"))
	broken := query(c, "")
	broken.Kubeconfig = func() (api.Config, error) { return api.Config{}, errors.New("invalid") }
	for _, flag := range []string{"--builder", "--namespace", "--as", "--registry-secret", "--node-selector", "--context", "--cluster", "--user"} {
		if words, _ := Flags()[flag].Words(t.Context(), broken); len(words) > 0 {
			t.Errorf("%s: %q", flag, words)
		}
	}
	for typed, want := range map[string][]string{"": {"id="}, "id=npm,": {"id=npm,src=", "id=npm,env=", "id=npm,k8s="}, "id=npm,k8s=": nil, "id=npm,k8s=npm/": nil} {
		if words, _ := Flags()["--secret"].Words(t.Context(), query(c, typed)); !slices.Equal(words, want) {
			t.Errorf("--secret %s: %q", typed, words)
		}
	}
	if words, _ := Flags()["--platform"].Words(t.Context(), query(c, "linux/am")); !slices.Equal(words, []string{"linux/amd64"}) {
		t.Errorf("--platform: %q", words)
	}
	if words, _ := Completer(Builds).Words(t.Context(), query(c, "l")); !slices.Equal(values(words), []string{"latest"}) {
		t.Errorf("builds: %q", words)
	}
}
