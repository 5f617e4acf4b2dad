package version

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// The daemon that install deploys and the client that is linked must be of one version.
func TestDaemonAndClientAreOfOneVersion(t *testing.T) {
	raw, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`(?m)^\s*github\.com/moby/buildkit (\S+)`).FindSubmatch(raw)
	if required == nil {
		t.Fatal("go.mod does not require BuildKit")
	}
	if got := string(required[1]); got != builder.BuildKitVersion {
		t.Errorf("go.mod requires BuildKit %s, install deploys %s", got, builder.BuildKitVersion)
	}
}

func TestStringNamesEverything(t *testing.T) {
	got := Version{Plugin: "v1.2.3", BuildKit: "v0.34.2", Go: "go1.26", Platform: "linux/arm64"}.String()
	for _, part := range []string{"kubectl-buildkit v1.2.3", "buildkit v0.34.2", "go1.26", "linux/arm64"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q lacks %q", got, part)
		}
	}
}

func TestReadKnowsThePlatform(t *testing.T) {
	if v := Read(); v.Go == "" || !strings.Contains(v.Platform, "/") || v.Plugin == "" {
		t.Errorf("incomplete version: %+v", v)
	}
}
