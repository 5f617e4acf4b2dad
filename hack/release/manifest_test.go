package main

import (
	"os"
	"strings"
	"testing"
)

func allSums() checksums {
	sums := checksums{}
	for i, p := range platforms() {
		sums[p.archive("v1.2.3")] = strings.Repeat(string(rune('a'+i)), 64)
	}
	return sums
}

func TestManifestNamesEveryArchiveOnce(t *testing.T) {
	text, err := os.ReadFile("../../.krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := renderManifest(string(text), "v1.2.3", allSums())
	if err != nil {
		t.Fatal(err)
	}
	manifest := string(raw)
	if !strings.Contains(manifest, "\n  version: v1.2.3\n") {
		t.Errorf("the version is missing:\n%s", manifest)
	}
	for name, sum := range allSums() {
		if strings.Count(manifest, "/v1.2.3/"+name+"\n    sha256: "+sum+"\n") != 1 {
			t.Errorf("%s is not named once with its checksum:\n%s", name, manifest)
		}
	}
	for _, p := range platforms() {
		if strings.Count(manifest, "os: "+p.os+"\n        arch: "+p.arch+"\n") != 1 {
			t.Errorf("no selector for %s:\n%s", p, manifest)
		}
	}
}

func TestManifestNeedsEveryArchive(t *testing.T) {
	text, err := os.ReadFile("../../.krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sums := allSums()
	delete(sums, "kubectl-buildkit_v1.2.3_darwin_arm64.tar.gz")
	if _, err := renderManifest(string(text), "v1.2.3", sums); err == nil || !strings.Contains(err.Error(), "darwin_arm64") {
		t.Errorf("got %v", err)
	}
	if _, err := renderManifest("{{ .Tag }}", "v1.2.3", sums); err == nil {
		t.Error("a value that krew-release-bot does not give is accepted")
	}
}

func TestNotesSayWhatChangedAndHowToCheck(t *testing.T) {
	text := notes(source{version: "v1.2.3", commit: "abc", toolchain: "go1.26.8"}, "Since v1.2.2:\n\n- Build faster\n", allSums())
	for _, want := range []string{
		"# kubectl buildkit v1.2.3\n", "- Build faster", "kubectl krew install buildkit", "VERSION=v1.2.3", "commit abc", "go1.26.8",
		"  kubectl-buildkit_v1.2.3_linux_amd64.tar.gz\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the notes lack %q:\n%s", want, text)
		}
	}
}
