package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func exampleInfo() *buildinfo.BuildInfo {
	return &buildinfo.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{
		{Path: "github.com/moby/buildkit", Version: "v0.34.2", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
		{Path: "example.com/fork", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/ours", Version: "v1.0.1", Sum: "h1:AAAA"}},
	}}
}

func exampleSums(p platform) checksums {
	return checksums{p.archive("v1.2.3"): strings.Repeat("a", 64), p.bill("v1.2.3"): strings.Repeat("b", 64)}
}

// TestProvenanceNamesWhatWentIn reads the statement as a verifier does, which knows the formats and not this program.
func TestProvenanceNamesWhatWentIn(t *testing.T) {
	p := platform{"linux", "arm64"}
	src := source{version: "v1.2.3", commit: strings.Repeat("c", 40), toolchain: "go1.26.8"}
	made, err := newStatement(src, p, exampleInfo(), exampleSums(p))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	const commit, source = "cccccccccccccccccccccccccccccccccccccccc", "git+https://github.com/kubectl-buildkit/kubectl-buildkit@refs/tags/v1.2.3"
	for _, want := range []string{
		`"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"kubectl-buildkit_v1.2.3_linux_arm64.tar.gz","digest":{"sha256":"aaaa`,
		`"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://`,
		`"externalParameters":{"source":"` + source + `","version":"v1.2.3","platform":"linux/arm64"}`,
		`"internalParameters":{"command":["go","build","-trimpath"`,
		`"GOOS=linux","GOARCH=arm64"`, `"GOTOOLCHAIN=go1.26.8"`,
		`"resolvedDependencies":[{"uri":"` + source + `","digest":{"gitCommit":"` + commit + `"}},{"uri":"pkg:golang/std@1.26.8"}`,
		// in-toto's dirHash of the checksum above is that of nothing at all.
		`{"uri":"pkg:golang/github.com/moby/buildkit@v0.34.2","digest":{"dirHash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}`,
		`{"uri":"pkg:golang/example.com/ours@v1.0.1","digest":{"dirHash":"000000"}}`,
		`"runDetails":{"builder":{"id":"https://github.com/kubectl-buildkit/kubectl-buildkit/tree/` + commit + `/hack/release","version":{"go":"go1.26.8"}}`,
		`"byproducts":[{"name":"kubectl-buildkit_v1.2.3_linux_arm64.cdx.json","digest":{"sha256":"bbbb`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the statement lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "fork") {
		t.Errorf("the statement names a module that was replaced:\n%s", text)
	}
	unsummed := exampleInfo()
	unsummed.Deps[0].Sum = ""
	if _, err := newStatement(src, p, unsummed, exampleSums(p)); err == nil || !strings.Contains(err.Error(), "moby/buildkit") {
		t.Errorf("a module without a checksum: %v", err)
	}
}

// TestProvenanceTellsNothingOfTheMachine writes the provenance of a program, this test, from two directories.
func TestProvenanceTellsNothingOfTheMachine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	p := platform{"linux", "amd64"}
	src := source{version: "v1.2.3", commit: strings.Repeat("c", 40), toolchain: "go1.26.8"}
	var written [][]byte
	for range 2 {
		dir := t.TempDir()
		executable := filepath.Join(dir, "program")
		if err := os.WriteFile(executable, raw, 0o700); err != nil {
			t.Fatal(err)
		}
		src.dir = dir
		if err := writeProvenance(src, p, executable, exampleSums(p), dir, p.provenance(src.version)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "kubectl-buildkit_v1.2.3_linux_amd64.provenance.json"))
		if err != nil {
			t.Fatal(err)
		}
		host, _ := os.Hostname()
		for _, here := range []string{dir, host, filepath.Dir(dir)} {
			if len(here) > 3 && bytes.Contains(text, []byte(here)) {
				t.Errorf("the provenance names %q:\n%s", here, text)
			}
		}
		written = append(written, text)
	}
	if !slices.Equal(written[0], written[1]) {
		t.Errorf("%s\nand %s", written[0], written[1])
	}
}
