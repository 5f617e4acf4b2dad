package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// twoArchitectures makes node-2 one for 386, which the same processor runs. A kubelet writes its own architecture back with
// every status, so a policy of the cluster keeps the label; the kubelet restores it once that is gone.
func (u *user) twoArchitectures() {
	u.t.Helper()
	if count, _ := strconv.Atoi(os.Getenv("E2E_NODES")); count < 2 || runtime.GOARCH != "amd64" {
		u.t.Skip("it needs the project's own cluster with two nodes for amd64: hack/e2e/faults, and NODES=2, run it there")
	}
	policy := []byte(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
spec:
  failurePolicy: Ignore
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [nodes, nodes/status], resourceNames: [node-2]}]
  mutations:
  - patchType: JSONPatch
    jsonPatch: {expression: '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("kubernetes.io/arch"), value: "386"}]'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
spec: {policyName: %[1]s}
`, u.namespace, u.ownerReference()))
	label := func(arch string) {
		u.kubectl("label", "node", "node-2", "--overwrite", "kubernetes.io/arch="+arch).ok()
	}
	u.t.Cleanup(func() {
		u.kubectlIn("", policy, "delete", "-f", "-").ok()
		u.eventually("node-2 to be one for amd64 again", func() bool { label("amd64"); return u.architecture("node-2") == "amd64" })
	})
	u.kubectlIn("", policy, "apply", "-f", "-").ok()
	// What is written back is kept from the moment that the policy works.
	u.eventually("node-2 to stay one for 386", func() bool { label("amd64"); return u.architecture("node-2") == "386" })
}

func (u *user) architecture(node string) string {
	return u.kubectl("get", "node", node, "-o", `jsonpath={.metadata.labels.kubernetes\.io/arch}`).ok().stdout
}

// It changes a node, so nothing goes on beside it.
func TestPlatformsOfABuilder(t *testing.T) {
	u := newUser(t)
	u.twoArchitectures()
	u.builder("ci", "--platform", "linux/amd64,linux/386")
	on := func(pod string) string {
		return u.kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName}").ok().stdout
	}
	if amd64, i386 := on("ci"), on("ci-386"); amd64 != "node-1" || i386 != "node-2" {
		t.Errorf("the members are on %q and %q", amd64, i386)
	}
	if lines := u.prints([]string{"list"}, "linux/amd64,linux/386", "node-1,node-2"); strings.Count(lines, "\n") != 2 {
		t.Errorf("one family is not one builder:\n%s", lines)
	}
	u.prints([]string{"info", "ci"}, "linux/386 on builder ci-386", "--platform linux/amd64 --platform linux/386", "2, 2 ready")
	u.describesFamily()

	image := openRegistry(t).name(u)
	context := dockerfile(t, "FROM "+need(t, "E2E_MULTI_IMAGE"), "RUN true")
	for platform, builder := range map[string]string{"linux/386": "ci-386", "linux/amd64": "ci"} {
		u.buildkit("build", "--builder", builder, "--platform", platform, "-t", image+":"+builder, "--push", context).ok()
		u.buildkit("build", "--builder", "ci", "--platform", platform, "-t", image+":ci", "--push", context).ok()
		if records := u.builds("--builder", builder); len(records) < 2 {
			t.Errorf("%s is not built on %s: %v", platform, builder, records)
		}
	}
	u.changesFamily()
	u.buildkit("uninstall", "ci").ok().says("Pod/ci-386")
	u.leavesNothing()
}

// prints runs a command that prints these words.
func (u *user) prints(command []string, words ...string) string {
	u.t.Helper()
	text := u.buildkit(command...).ok().stdout
	for _, each := range words {
		if !strings.Contains(text, each) {
			u.t.Errorf("%v lacks %q:\n%s", command, each, text)
		}
	}
	return text
}

// describesFamily reads what scripts get.
func (u *user) describesFamily() {
	u.t.Helper()
	var info struct {
		Platforms []struct{ Platform, Builder string }
		Members   []struct{ Pod, Builder string }
	}
	if err := json.Unmarshal([]byte(u.buildkit("info", "ci", "-o", "json").ok().stdout), &info); err != nil {
		u.t.Fatal(err)
	}
	if len(info.Platforms) != 2 || info.Platforms[1].Builder != "ci-386" || len(info.Members) != 2 || info.Members[1].Builder != "ci-386" {
		u.t.Errorf("info says %+v", info)
	}
}

// changesFamily refuses what cannot be, and removes a platform without a touch of the other.
func (u *user) changesFamily() {
	u.t.Helper()
	before := u.podUID("ci")
	u.buildkit("install", "ci-386", "--max-builds", "2").exits(2).says("is for an architecture of builder", "kubectl buildkit install ci -n "+u.namespace)
	u.buildkit("uninstall", "ci-386").exits(2).says("--unset platform=PLATFORM")
	lacks := u.buildkit("install", "ci", "--platform", "linux/s390x", "--timeout", "60s").exits(3)
	lacks.says("no node has the label kubernetes.io/arch=s390x", "the same command with --emulate")
	names := strings.Fields(u.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").ok().stdout)
	if slices.Sort(names); !slices.Equal(names, []string{"ci", "ci-386"}) || u.podUID("ci") != before {
		u.t.Errorf("after a platform without a node there are %v", names)
	}
	u.buildkit("install", "ci", "--unset", "platform=linux/386", "--yes").ok().says("- platform: linux/386", "Pod ci-386 is removed")
	if text := u.buildkit("list").ok().stdout; strings.Contains(text, "386") || u.podUID("ci") != before {
		u.t.Errorf("without 386:\n%s", text)
	}
	u.buildkit("install", "ci", "--platform", "linux/386").ok()
}

// Emulators are registered in the Pod's own user namespace, so that the machine's table is left alone.
func TestEmulatedPlatform(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" || !theWorld(t).own {
		t.Skip("arm64 is emulated on the project's own cluster, on amd64")
	}
	u := newUser(t)
	machine := entries(t)
	u.builder("ci")
	emulators := openRegistry(t).name(u) + ":emulators"
	u.buildkit("build", "--builder", "ci", "-t", emulators, "--push", emulatorImage(t)).ok()
	u.builder("ci", "--mode", "userns", "--platform", "linux/amd64,linux/arm64", "--emulate", "--emulate-image", emulators)
	u.prints([]string{"info", "ci"}, "linux/arm64 (emulated)", "--emulate=linux/arm64")
	u.buildkit("build", "--builder", "ci", "--platform", "linux/arm64", "--progress", "plain",
		dockerfile(t, "FROM "+need(t, "E2E_MULTI_IMAGE"), "RUN uname -m")).ok().says("aarch64")
	u.buildkit("build", "--builder", "ci", "--platform", "linux/riscv64", dockerfile(t, "FROM "+need(t, "E2E_MULTI_IMAGE"), "RUN uname -m")).
		exits(1).says("linux/amd64, linux/arm64", "--platform linux/riscv64")
	if now := entries(t); !slices.Equal(now, machine) {
		t.Errorf("the machine's own emulators were %v and are %v", machine, now)
	}
}

// entries are what is registered on this machine.
func entries(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("/proc/sys/fs/binfmt_misc/*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// emulatorImage is a context of an image that registers Debian's static emulator of arm64, called as tonistiigi/binfmt is.
func emulatorImage(t *testing.T) string {
	t.Helper()
	dir := dockerfile(t, "FROM BASE", "COPY qemu-aarch64-static register /", `ENTRYPOINT ["/register"]`)
	program, err := os.ReadFile(qemu(t))
	if err != nil {
		t.Fatal(err)
	}
	const script = `#!/bin/sh
set -e
table=/proc/sys/fs/binfmt_misc
read -r inside outside size </proc/self/uid_map
[ "$outside" != 0 ] || { echo "this would change the node's own table" >&2; exit 1; }
[ "$*" = "--install arm64" ] || { echo "called with $*" >&2; exit 1; }
[ -e $table/register ] || mount -t binfmt_misc binfmt_misc $table
[ -e $table/qemu-aarch64 ] || printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/qemu-aarch64-static:F' >$table/register
`
	for name, content := range map[string][]byte{"qemu-aarch64-static": program, "register": []byte(script)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// qemu is the path of Debian's static emulator. The package is not installed, which would register it on this machine.
func qemu(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	final := filepath.Join(cache, "kubectl-buildkit", "foreign", "qemu-aarch64-static")
	if _, err := os.Stat(final); err == nil {
		return final
	}
	const fetch = `set -e
mkdir -p lists/partial cache/archives/partial
: >status
own="-o Dir::State=$PWD -o Dir::State::status=$PWD/status -o Dir::Cache=$PWD/cache -o APT::Sandbox::User=root"
apt-get -qq download qemu-user-static || { apt-get $own -qq update; apt-get $own -qq download qemu-user-static; }
dpkg-deb -x qemu-user-static_*.deb extracted
mkdir -p "$(dirname "$1")"
cp extracted/usr/bin/qemu-aarch64-static "$1.$$"
mv "$1.$$" "$1"`
	command := exec.Command("sh", "-c", fetch, "fetch", final)
	command.Dir = t.TempDir()
	if output, err := command.CombinedOutput(); err != nil {
		t.Skipf("Debian's package qemu-user-static cannot be fetched: %v\n%s", err, output)
	}
	return final
}
