package builder

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The package of the daemon's configuration is too heavy to link, so its tags are read from its
// source.
func TestDaemonKeysAreBuildKits(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/buildkit").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, file := range []string{"cmd/buildkitd/config/config.go", "util/resolver/config/config.go", "util/db/compaction/compaction.go"} {
		source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), file))
		if err != nil {
			continue // the third has moved before
		}
		for _, tag := range regexp.MustCompile("(?m)^[^/\\n]*toml:\"([^\",]+)").FindAllStringSubmatch(string(source), -1) {
			want = append(want, strings.ToLower(tag[1]))
		}
	}
	for _, key := range strings.Fields(daemonKeys) {
		for part := range strings.SplitSeq(key, ".") {
			if part != "*" {
				got = append(got, strings.ToLower(strings.ReplaceAll(part, "/", ".")))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	for _, tag := range slices.Compact(want) {
		if !slices.Contains(got, tag) {
			t.Errorf("BuildKit knows the key %q", tag)
		}
	}
	for _, key := range slices.Compact(got) {
		if !slices.Contains(want, key) {
			t.Errorf("BuildKit does not know the key %q", key)
		}
	}
}

func TestMisspeltDaemonKeys(t *testing.T) {
	for text, want := range map[string]string{
		"debug = true\n[log]\nformat = \"json\"\n":                                            "",
		"[registry.\"docker.io\"]\nmirrors = [\"a\"]\nHTTP = true\n":                          "",
		"[worker.oci]\nmax-parallelism = 4\n[[worker.oci.gcpolicy]]\nkeepDuration = \"1h\"\n": "",
		"[frontend.\"dockerfile.v0\"]\nenabled = true\n":                                      "",
		"debgu = true\n": "debgu",
		"[registry.\"docker.io\"]\nmiror = [\"a\"]": "registry.docker.io.miror",
		"[worker.oci]\nmaxparallelism = 4\n":        "worker.oci.maxparallelism",
		"[[worker.oci.gcpolicy]]\nkeep = 1\n":       "worker.oci.gcpolicy.keep",
		"[wroker.oci]\nenabled = true\n":            "wroker",
	} {
		if got, _ := UnknownDaemonKey([]byte(text)); got != want {
			t.Errorf("%q: unknown key %q; want %q", text, got, want)
		}
	}
}
