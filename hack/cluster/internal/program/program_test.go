package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyChangesWithEverythingThatMakesAProgram(t *testing.T) {
	base := Program{Name: "tool", Module: "m", Package: "example.test/tool"}
	files := map[string]string{"go.mod": "module m\n", "go.sum": "", "main.go": "package main\n"}
	key := func(p Program, files map[string]string, toolchain string) string {
		t.Helper()
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := p.key(dir, toolchain)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	with := func(name, text string) map[string]string {
		changed := map[string]string{name: text}
		for other, text := range files {
			if other != name {
				changed[other] = text
			}
		}
		return changed
	}
	const toolchain = "go1.26.0 linux amd64"
	want := key(base, files, toolchain)
	if again := key(base, files, toolchain); again != want {
		t.Fatalf("the key of the same program differs: %q and %q", want, again)
	}
	tags, cgo, flags := base, base, base
	tags.Tags, cgo.CGO, flags.LDFlags = "seccomp", true, "-X a.b=c"
	for name, got := range map[string]string{
		"toolchain": key(base, files, "go1.26.1 linux amd64"),
		"platform":  key(base, files, "go1.26.0 linux arm64"),
		"tags":      key(tags, files, toolchain),
		"cgo":       key(cgo, files, toolchain),
		"flags":     key(flags, files, toolchain),
		"go.mod":    key(base, with("go.mod", "module n\n"), toolchain),
		"go.sum":    key(base, with("go.sum", "x"), toolchain),
		"source":    key(base, with("main.go", "package main // changed\n"), toolchain),
		"new file":  key(base, with("other.go", "package main\n"), toolchain),
	} {
		if got == want {
			t.Errorf("the key does not change with the %s", name)
		}
	}
}

func TestConstantsAreTheVersionsOfTheModules(t *testing.T) {
	for module, line := range map[string]string{
		"tools":      "github.com/moby/buildkit " + BuildKitVersion,
		"kubernetes": "k8s.io/kubernetes " + kubernetesVersion,
	} {
		data, err := os.ReadFile(filepath.Join("../../programs", module, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), line) {
			t.Errorf("programs/%s/go.mod does not require %q", module, line)
		}
	}
}

func TestCatalogueNamesModulesThatExist(t *testing.T) {
	seen := make(map[string]bool)
	for _, program := range Catalogue() {
		if seen[program.Name] {
			t.Errorf("program %q is there twice", program.Name)
		}
		seen[program.Name] = true
		for _, file := range []string{"go.mod", "go.sum"} {
			if _, err := os.Stat(filepath.Join("../../programs", program.Module, file)); err != nil {
				t.Errorf("program %q: %v", program.Name, err)
			}
		}
	}
	for _, name := range onDemand() {
		if !seen[name] {
			t.Errorf("program %q is built on demand, but no program", name)
		}
	}
}
