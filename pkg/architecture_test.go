package pkg_test

import (
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kubectl-buildkit/kubectl-buildkit"

// The rule of the house: the Kubernetes half never reaches BuildKit, the BuildKit half never
// reaches Kubernetes, and cobra is known to pkg/cmd alone. Transitive imports count, so a third
// package cannot smuggle one half into the other.
func TestHalvesNeverImportEachOther(t *testing.T) {
	kubernetes := []string{"builder", "manifest", "trust", "kube", "cluster", "install", "ephemeral", "family", "mode", "tunnel"}
	buildkit := []string{"buildcache", "buildcontext", "request", "registryauth", "solve", "progress", "result", "export", "upload", "report", "history", "awskeys", "imageindex", "imagetags"}
	t.Run("checkup", func(t *testing.T) {
		refuseImports(t, "checkup", "k8s.io", "github.com/moby/buildkit", "github.com/spf13/cobra")
		refuseOwn(t, "checkup", append(kubernetes, buildkit...))
	})
	for _, name := range kubernetes {
		t.Run(name, func(t *testing.T) {
			refuseImports(t, name, "github.com/moby/buildkit", "github.com/spf13/cobra")
			refuseOwn(t, name, buildkit)
		})
	}
	for _, name := range buildkit {
		t.Run(name, func(t *testing.T) {
			refuseImports(t, name, "k8s.io/client-go", "k8s.io/api", "k8s.io/apimachinery", "k8s.io/cli-runtime", "github.com/spf13/cobra")
			refuseOwn(t, name, kubernetes)
		})
	}
}

// Only pkg/driver imports packages of both halves, and their meeting is not repeated above it:
// whatever reaches both does so through it. Packages for tests are not part of the product.
func TestOnlyDriverJoinsTheHalves(t *testing.T) {
	nodes := packages(t)
	for name, n := range nodes {
		if n.layer == layerBoth && name != "driver" && !leads(nodes, name, "driver") {
			t.Errorf("pkg/%s reaches both halves, and not through pkg/driver", name)
		}
		for _, dep := range n.imports {
			if strings.HasPrefix(dep, "internal/") {
				t.Errorf("pkg/%s imports pkg/%s, which is for tests", name, dep)
			}
		}
	}
	if nodes["driver"].layer != layerBoth {
		t.Errorf("pkg/driver is in the layer %q", nodes["driver"].layer)
	}
	refuse(t, outside(uses(t, names{"github.com/spf13/cobra": nil}), "cmd/"), allowed{}, "pkg/cmd alone knows cobra")
}

// A command turns flags into options and makes one call of pkg/driver: it has neither client in its
// hands.
func TestCommandsUseNoClient(t *testing.T) {
	found := slices.DeleteFunc(uses(t, names{"k8s.io/client-go/rest": nil, "github.com/moby/buildkit/client": nil}), func(u use) bool {
		return !strings.HasPrefix(u.file, "cmd/")
	})
	refuse(t, found, allowed{}, "let pkg/driver do it")
}

// What carries bytes between the two halves and this machine knows neither, nor does what prints
// them and asks.
func TestStreamsKnowNeitherHalf(t *testing.T) {
	for _, name := range []string{"proxy", "terminal"} {
		refuseImports(t, name, "github.com/moby/buildkit", "k8s.io", "github.com/spf13/cobra")
	}
}

// What is printed of builders, caches and builds depends on what was found alone: nothing is asked
// for it, and the same is printed everywhere.
func TestViewsAskNothing(t *testing.T) {
	found := uses(t, names{"context": nil, "os": nil, "net": nil, "net/http": nil, "github.com/spf13/pflag": nil})
	refuse(t, slices.DeleteFunc(found, func(u use) bool { return !strings.HasPrefix(u.file, "view/") }), allowed{}, "let the caller ask")
}

// What makes text harmless, the classes of errors and the error of wrong input are used everywhere,
// and the choice of a member is arithmetic, so they stand on nothing but the classes.
func TestFoundationsStandOnNothing(t *testing.T) {
	for _, name := range []string{"escape", "fault", "placement", "usage"} {
		for _, dep := range dependencies(t, name) {
			if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") && dep != module+"/pkg/"+name && dep != module+"/pkg/fault" {
				t.Errorf("pkg/%s reaches %s", name, dep)
			}
		}
	}
}

// Errors are explained for any caller, so pkg/explain has no command line. The flags of kubectl,
// which the driver reads, have one below them.
func TestExplainKnowsNoCommandLine(t *testing.T) {
	for _, dep := range packages(t)["explain"].direct {
		if strings.HasPrefix(dep, "github.com/spf13/") || dep == module+"/pkg/cmd" {
			t.Errorf("pkg/explain imports %s", dep)
		}
	}
}

func refuseImports(t *testing.T, name string, forbidden ...string) {
	t.Helper()
	for _, dep := range dependencies(t, name) {
		for _, prefix := range forbidden {
			if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
				t.Errorf("pkg/%s reaches %s", name, dep)
			}
		}
	}
}

func refuseOwn(t *testing.T, name string, others []string) {
	t.Helper()
	for _, dep := range dependencies(t, name) {
		if own, found := strings.CutPrefix(dep, module+"/pkg/"); found && slices.Contains(others, own) {
			t.Errorf("pkg/%s reaches pkg/%s of the other half", name, own)
		}
	}
}

// dependencies lists all packages that pkg/NAME imports, directly or not, and itself.
func dependencies(t *testing.T, name string) []string {
	t.Helper()
	n, ok := packages(t)[name]
	if !ok {
		t.Fatalf("go list knows no pkg/%s", name)
	}
	return append(n.deps, module+"/pkg/"+name)
}
