package pkg_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write the packages into docs/architecture.md anew")

const (
	graphFile    = "../docs/architecture.md"
	graphBegin   = "<!-- imports: written by a test -->\n"
	graphEnd     = "<!-- end of imports -->\n"
	graphCommand = "go test ./pkg -run TestImportGraphIsUpToDate -update"
)

// The graph and the table in docs/architecture.md show the packages as they are.
func TestImportGraphIsUpToDate(t *testing.T) {
	raw, err := os.ReadFile(graphFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), graphBegin)
	_, after, closed := strings.Cut(rest, graphEnd)
	if !found || !closed {
		t.Fatalf("%s lacks the comments %q and %q", graphFile, graphBegin, graphEnd)
	}
	nodes := packages(t)
	want := before + graphBegin + "\n```mermaid\n" + mermaid(nodes) + "```\n\n" + tableOf(nodes) + "\n" + graphEnd + after
	switch {
	case want == string(raw):
	case *update:
		if err := os.WriteFile(graphFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the packages in docs/architecture.md are stale: run\n\n\t%s\n", graphCommand)
	}
}

// node is a package of pkg: what of pkg it imports, the layer that follows from all it reaches, and
// the first sentence of its documentation.
type node struct {
	imports []string
	direct  []string // all that it imports, packages of others too
	deps    []string // all that it reaches, packages of others too
	layer   string
	doc     string
}

// The layers, from the command line down.
const (
	layerBoth       = "both halves"
	layerKubernetes = "Kubernetes half"
	layerBuildKit   = "BuildKit half"
	layerNeither    = "neither half"
)

func layers() []string { return []string{layerBoth, layerKubernetes, layerBuildKit, layerNeither} }

// goList is what go list tells of the packages, once for all tests.
var goList = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("go", "list", "-f", `{{.ImportPath}}|{{join .Imports " "}}|{{join .Deps " "}}|{{.Doc}}`, "./...").Output()
})

// packages returns the packages of pkg by their names.
func packages(t *testing.T) map[string]node {
	t.Helper()
	out, err := goList()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	nodes := map[string]node{}
	for line := range strings.Lines(string(out)) {
		fields := strings.SplitN(strings.TrimSpace(line), "|", 4)
		name, own := strings.CutPrefix(fields[0], module+"/pkg/")
		if !own || strings.HasPrefix(name, "internal/") {
			continue
		}
		n := node{direct: strings.Fields(fields[1]), deps: strings.Fields(fields[2]), layer: layerOf(strings.Fields(fields[2])), doc: strings.TrimPrefix(fields[3], "Package "+path.Base(name)+" ")}
		for _, dep := range strings.Fields(fields[1]) {
			if imported, own := strings.CutPrefix(dep, module+"/pkg/"); own {
				n.imports = append(n.imports, imported)
			}
		}
		nodes[name] = n
	}
	return nodes
}

// layerOf is the layer of a package with these dependencies, direct or not.
func layerOf(deps []string) string {
	reaches := func(prefix string) bool {
		return slices.ContainsFunc(deps, func(dep string) bool { return strings.HasPrefix(dep, prefix) })
	}
	switch k, b := reaches("k8s.io/"), reaches("github.com/moby/buildkit/"); {
	case k && b:
		return layerBoth
	case k:
		return layerKubernetes
	case b:
		return layerBuildKit
	}
	return layerNeither
}

// mermaid draws the graph with one box a layer. An import that another one implies is left out: of
// all arrows that stay, following them leads to everything that a package imports.
func mermaid(nodes map[string]node) string {
	var text strings.Builder
	text.WriteString("flowchart TD\n")
	for i, layer := range layers() {
		fmt.Fprintf(&text, "  subgraph layer%d[\"%s\"]\n", i, layer)
		for _, name := range slices.Sorted(maps.Keys(nodes)) {
			if nodes[name].layer == layer {
				fmt.Fprintf(&text, "    %s[%s]\n", identifier(name), name)
			}
		}
		text.WriteString("  end\n")
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		for _, imported := range slices.Sorted(slices.Values(nodes[name].imports)) {
			if !implied(nodes, name, imported) {
				fmt.Fprintf(&text, "  %s --> %s\n", identifier(name), identifier(imported))
			}
		}
	}
	return text.String()
}

// identifier is Mermaid's name for a package: it cannot be a keyword, and has no slashes.
func identifier(name string) string { return "pkg_" + strings.ReplaceAll(name, "/", "_") }

// tableOf lists the packages with what their documentation says first.
func tableOf(nodes map[string]node) string {
	var text strings.Builder
	text.WriteString("| package | layer | what it does |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", name, nodes[name].layer, strings.ReplaceAll(nodes[name].doc, "|", `\|`))
	}
	return text.String()
}

// implied reports whether the package reaches the imported one through another import as well.
func implied(nodes map[string]node, name, imported string) bool {
	return slices.ContainsFunc(nodes[name].imports, func(other string) bool { return other != imported && leads(nodes, other, imported) })
}

func leads(nodes map[string]node, from, to string) bool {
	return from == to || slices.ContainsFunc(nodes[from].imports, func(next string) bool { return leads(nodes, next, to) })
}

func TestMermaidLeavesOutWhatIsImplied(t *testing.T) {
	got := mermaid(map[string]node{
		"top":     {imports: []string{"middle", "leaf"}, layer: layerBoth},
		"middle":  {imports: []string{"leaf"}, layer: layerKubernetes},
		"leaf":    {layer: layerNeither},
		"a/child": {imports: []string{"leaf"}, layer: layerBuildKit},
	})
	want := `flowchart TD
  subgraph layer0["both halves"]
    pkg_top[top]
  end
  subgraph layer1["Kubernetes half"]
    pkg_middle[middle]
  end
  subgraph layer2["BuildKit half"]
    pkg_a_child[a/child]
  end
  subgraph layer3["neither half"]
    pkg_leaf[leaf]
  end
  pkg_a_child --> pkg_leaf
  pkg_middle --> pkg_leaf
  pkg_top --> pkg_middle
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
