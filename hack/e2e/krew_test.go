//go:build krew

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The release that `make package` made: krew accepts its manifest, installs every platform's archive, and what it
// installed for this one installs a builder, builds, pushes and uninstalls.
func TestTheReleaseThatKrewInstalls(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	k := newKrew(u)
	validate := exec.Command(need(t, "E2E_VALIDATE_KREW_MANIFEST"), "-manifest", k.manifest, "-skip-install")
	if out, err := validate.CombinedOutput(); err != nil {
		t.Fatalf("the manifest is not valid: %v\n%s", err, out)
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"} {
		k.install(platform)
	}

	delete(u.env, "KREW_OS")
	delete(u.env, "KREW_ARCH")
	bin := filepath.Join(k.root(runtime.GOOS+"/"+runtime.GOARCH), "bin")
	u.env["PATH"], u.env["KREW_ROOT"] = bin+":"+k.path, filepath.Dir(bin)
	if out := u.buildkit("version").ok().stdout; !strings.Contains(out, k.version) {
		t.Fatalf("krew installed another version than %s: %q", k.version, out)
	}
	u.builder()
	context := dockerfile(t, "FROM BASE", "RUN echo from krew >/word", `CMD ["cat", "/word"]`)
	tag := reg.name(u) + ":krew"
	built := u.buildkit("build", "-t", tag, "--push", context).ok()
	if want := tag + "@" + reg.digest(tag); built.line1() != want {
		t.Errorf("printed %q, the registry holds %q", built.line1(), want)
	}
	u.runsAndPrints(built.line1(), "from krew")
	u.buildkit("uninstall").ok()
	u.leavesNothing()
	k.addIndex()
	u.kubectl("krew", "uninstall", "buildkit").ok()
	if _, err := os.Lstat(filepath.Join(bin, "kubectl-buildkit")); err == nil {
		t.Error("krew left the plugin behind")
	}
}

// krew is the plugin manager as a user has it, without an index: what it installs comes from the release's directory.
type krew struct {
	user     *user
	release  string
	manifest string
	version  string
	path     string // PATH with kubectl-krew, and without the plugin
}

func newKrew(u *user) krew {
	u.t.Helper()
	programs := u.mkdir("programs")
	k := krew{user: u, release: need(u.t, "E2E_RELEASE"), path: programs + ":" + os.Getenv("PATH")}
	k.manifest = filepath.Join(k.release, "plugins", "buildkit.yaml")
	raw, err := os.ReadFile(k.manifest)
	if err != nil {
		u.t.Fatalf("release to install not found: `make package` makes one: %v", err)
	}
	if err := os.Symlink(need(u.t, "E2E_KREW"), filepath.Join(programs, "kubectl-krew")); err != nil {
		u.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "\n  version: ")
	k.version, _, _ = strings.Cut(rest, "\n")
	u.env["PATH"], u.env["KREW_NO_UPGRADE_CHECK"] = k.path, "1"
	return k
}

// install installs the archive of a platform into a KREW_ROOT of its own, for krew skips a plugin that is there and calls
// it a success.
func (k krew) install(platform string) {
	k.user.t.Helper()
	system, arch, _ := strings.Cut(platform, "/")
	archive, program := fmt.Sprintf("kubectl-buildkit_%s_%s_%s.tar.gz", k.version, system, arch), "kubectl-buildkit"
	if system == "windows" {
		archive, program = strings.Replace(archive, ".tar.gz", ".zip", 1), program+".exe"
	}
	root := k.root(platform)
	k.user.env["KREW_ROOT"], k.user.env["KREW_OS"], k.user.env["KREW_ARCH"] = root, system, arch
	k.user.kubectl("krew", "install", "--manifest="+k.manifest, "--archive="+filepath.Join(k.release, archive)).ok()
	store := filepath.Join(root, "store", "buildkit", k.version)
	for _, name := range []string{program, "LICENSE"} {
		if info, err := os.Stat(filepath.Join(store, name)); err != nil || info.Size() == 0 {
			k.user.t.Errorf("%s: no %s: %v", archive, name, err)
		}
	}
	k.checkBill(filepath.Join(store, "sbom.cdx.json"))
}

// addIndex makes krew's index of the release: krew uninstalls nothing before it has one.
func (k krew) addIndex() {
	k.user.t.Helper()
	index := k.user.mkdir("index/plugins")
	write(k.user.t, filepath.Join(index, "buildkit.yaml"), read(k.user.t, k.manifest))
	index = filepath.Dir(index)
	script := "git init --quiet && git add . && git -c user.name=a -c user.email=a@example.com commit --quiet -m Index"
	k.user.run(index, nil, "sh", "-c", script).ok()
	k.user.kubectl("krew", "index", "add", "release", "file://"+index).ok()
	if found := k.user.kubectl("krew", "search", "buildkit").ok().stdout; !strings.Contains(found, "release/buildkit") {
		k.user.t.Errorf("krew does not find the plugin in a repository with its manifest:\n%s", found)
	}
}

func (k krew) root(platform string) string {
	return k.user.mkdir("krew-" + strings.ReplaceAll(platform, "/", "-"))
}

// checkBill demands a CycloneDX document that names the plugin and what it is made of.
func (k krew) checkBill(path string) {
	k.user.t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		k.user.t.Errorf("no bill of materials: %v", err)
		return
	}
	type component struct{ Name, Version string }
	var bill struct {
		BOMFormat  string
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.Unmarshal(raw, &bill); err != nil {
		k.user.t.Errorf("the bill of materials is not JSON: %v", err)
	}
	parts := map[string]string{}
	for _, c := range bill.Components {
		parts[c.Name] = c.Version
	}
	if bill.BOMFormat != "CycloneDX" || bill.Metadata.Component.Version != k.version || parts["github.com/moby/buildkit"] != "v0.34.2" || parts["std"] == "" {
		k.user.t.Errorf("the bill of materials is of format %q, for version %q, with BuildKit %q and Go %q",
			bill.BOMFormat, bill.Metadata.Component.Version, parts["github.com/moby/buildkit"], parts["std"])
	}
}
