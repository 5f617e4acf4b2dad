// Package e2e_test runs the built plugin, called as `kubectl buildkit …`, against a real cluster with real
// registries. It knows nothing of the product's packages: it sees what a user sees.
package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// world is what every test stands on: read once from the environment that hack/e2e/run prepares.
type world struct {
	kubeconfig string
	plugin     string // the directory on PATH that holds kubectl-buildkit
	own        bool   // the cluster is hack/cluster's: everything it offers must be there
}

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == dockerName {
		os.Exit(playDocker(os.Args[1:]))
	}
	if os.Getenv("E2E_KUBECONFIG") == "" || os.Getenv("E2E_PLUGIN") == "" {
		fmt.Fprintln(os.Stderr, "no cluster or no plugin to test: run `make e2e`, which sets E2E_KUBECONFIG and E2E_PLUGIN")
		os.Exit(1)
	}
	if removed, err := removeLeftovers(os.Getenv("E2E_KUBECONFIG")); err != nil {
		fmt.Fprintln(os.Stderr, "looking for what killed runs have left:", err)
	} else if len(removed) > 0 {
		fmt.Fprintln(os.Stderr, "removed what killed runs have left:", removed)
	}
	os.Exit(m.Run())
}

func theWorld(t *testing.T) world {
	t.Helper()
	plugin := os.Getenv("E2E_PLUGIN")
	if _, err := os.Stat(plugin); err != nil {
		t.Fatalf("the plugin to test: %v", err)
	}
	return world{
		kubeconfig: os.Getenv("E2E_KUBECONFIG"),
		plugin:     filepath.Dir(plugin),
		own:        os.Getenv("E2E_NODES") != "",
	}
}

// need returns the value of an E2E_ variable. The project's own cluster sets all of them, so there a missing one
// fails; a foreign cluster may lack, say, the registry with token authentication, and the test says so and is skipped.
func need(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	switch {
	case value != "":
	case theWorld(t).own:
		t.Fatalf("the project's own cluster must set %s", name)
	default:
		t.Skipf("this cluster gives no %s", name)
	}
	return value
}
