package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The StorageClasses of the project's own cluster: volumes of the first grow and can be cloned, those of the second can do
// neither.
const (
	classLocal = "local"
	classFixed = "local-fixed"
)

// newUserWithVolumes is newUser where the cluster has these classes.
func newUserWithVolumes(t *testing.T) *user {
	t.Helper()
	u := newUser(t)
	if !theWorld(t).own {
		t.Skip("the cluster's volumes are not the project's own")
	}
	return u
}

// claim is a field of a member's claim.
func (u *user) claim(name, field string) string {
	u.t.Helper()
	return u.kubectl("get", "pvc", name, "-o", "jsonpath={"+field+"}").ok().stdout
}

// Volumes grow under a running build, whose Pod stays, also where an install is interrupted between its two sets.
func TestStorageGrows(t *testing.T) {
	t.Parallel()
	u := newUserWithVolumes(t)
	u.builder("--storage", "1Gi", "--storage-class", classLocal)
	volume, member := u.claim("cache-buildkitd-0", ".metadata.uid"), u.podUID("buildkitd-0")
	r := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 12"))
	r.until("begun")
	u.buildkit("install", "--storage", "2Gi").ok().says("cache-buildkitd-0 grows to 2Gi", "--rotate")
	u.eventually("the volume has grown", func() bool { return u.claim("cache-buildkitd-0", ".status.capacity.storage") == "2Gi" })
	u.kubectl("delete", "statefulset", "buildkitd", "--cascade=orphan").ok()
	u.buildkit("install", "--storage", "3Gi").ok()
	r.ends(0)
	if u.claim("cache-buildkitd-0", ".metadata.uid") != volume || u.podUID("buildkitd-0") != member {
		t.Error("the volume or its member was replaced")
	}
	if text := u.buildkit("install").ok().stdout; !strings.Contains(text, "unchanged") {
		t.Errorf("install once more: %s", text)
	}
	u.buildkit("install", "--storage", "1Gi", "--yes").exits(2).says("3Gi", "cannot shrink")
	u.buildkit("uninstall", "--yes").ok()
	u.buildkit("install", "--storage", "1Gi", "--storage-class", classLocal, "--wait=false", "--yes").exits(2).says("cache-buildkitd-0", "3Gi", "--purge")
	u.leavesOnly("persistentvolumeclaim/cache-buildkitd-0")
	u.buildkit("uninstall", "--purge", "--yes").ok()
}

// What cannot be is refused before anything changes, with what can be; and a builder that is a Pod becomes a set and one again.
func TestStorageThatCannotGrow(t *testing.T) {
	t.Parallel()
	u := newUserWithVolumes(t)
	versions := func() string {
		return u.kubectl("get", "configmaps,secrets,roles,statefulsets,pvc", "-o", `jsonpath={range .items[*]}{.metadata.name}={.metadata.generation}{.metadata.uid}{.data} {end}`).ok().stdout
	}
	u.builder("--storage", "1Gi", "--storage-class", classFixed)
	before := versions()
	u.buildkit("install", "--storage", "2Gi").exits(2).says("cannot grow to 2Gi", "--storage 1Gi keeps them")
	u.kubectl("create", "quota", "disk", "--hard=requests.storage=4Gi").ok()
	u.eventually("the quota counts", func() bool {
		return u.kubectl("get", "quota", "disk", "-o", "jsonpath={.status.used.requests\\.storage}").ok().stdout == "1Gi"
	})
	u.buildkit("install", "team", "--storage", "2Gi", "--storage-class", classLocal, "--replicas", "2").exits(2).says("exceeded quota", "--storage 1Gi")
	if after := versions(); after != before {
		t.Errorf("changed:\n%s\n%s", before, after)
	}
	u.buildkit("build", "-o", "type=cacheonly", dockerfile(t, "FROM scratch", "COPY Dockerfile /")).ok()
	u.buildkit("install", "--unset", "storage").exits(2).says("--yes")
	u.buildkit("install", "--unset", "storage", "--yes").ok().says("cache-buildkitd-0", "stay")
	u.buildkit("install", "--storage", "1Gi", "--storage-class", classFixed, "--yes").ok()
	if got := u.claim("cache-buildkitd-0", ".status.phase"); got != "Bound" {
		t.Errorf("the kept volume is %s", got)
	}
	u.buildkit("uninstall", "--purge", "--yes").ok()
}

// A new member starts with the cache of the first one where its volume can be cloned; one that left finds its own again.
func TestNewMemberStartsWarm(t *testing.T) {
	t.Parallel()
	u := newUserWithVolumes(t)
	u.builder("--storage", "1Gi", "--storage-class", classLocal)
	context := dockerfile(t, "FROM BASE", "RUN --mount=type=cache,target=/cache echo once >> /cache/word && cat /cache/word")
	u.buildkit("build", "-o", "type=cacheonly", context).ok()
	member := u.podUID("buildkitd-0")
	added := u.buildkit("install", "--replicas", "2").ok().says("cache-buildkitd-1 created as a clone of cache-buildkitd-0")
	late := strings.Contains(added.stderr, "was not cloned within") // a slow machine
	if text := u.buildkit("build", "--member", "1", "--progress", "plain", "-o", "type=cacheonly", context).ok().stderr; !late && !strings.Contains(text, "CACHED") {
		t.Errorf("the new member built it again:\n%s", text)
	}
	if got := len(u.builds()); got != 2 {
		t.Errorf("%d records of two builds", got)
	}
	if u.podUID("buildkitd-0") != member {
		t.Error("the first member was replaced")
	}
	volume := u.claim("cache-buildkitd-1", ".metadata.uid")
	u.buildkit("install", "--replicas", "1", "--yes").ok().says("cache-buildkitd-1 stay")
	u.buildkit("install", "--replicas", "2").ok().neverSays("clone")
	if u.claim("cache-buildkitd-1", ".metadata.uid") != volume {
		t.Error("the member that came back has another volume")
	}
	u.buildkit("uninstall", "--purge", "--yes").ok()
}

func TestNewMemberStartsColdWhereVolumesCannotBeCloned(t *testing.T) {
	t.Parallel()
	u := newUserWithVolumes(t)
	u.builder("--storage", "1Gi", "--storage-class", classFixed)
	u.buildkit("install", "--replicas", "2").ok().says("buildkitd-1: starts cold: ")
	if from := u.claim("cache-buildkitd-1", ".spec.dataSource"); from != "" {
		t.Errorf("the claim still has a source: %s", from)
	}
	u.buildkit("uninstall", "--purge", "--yes").ok()
}

// ownerReference makes an object of the cluster go with the user's namespace.
func (u *user) ownerReference() string {
	u.t.Helper()
	uid := u.kubectl("get", "namespace", u.namespace, "-o", "jsonpath={.metadata.uid}").ok().stdout
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, name: %s, uid: %s}", u.namespace, uid)
}

// A policy that rewrites Pods when they are created, e.g. to a mirror, has its way: an install that changes nothing sends
// the Pod no second time.
func TestInstallAcceptsWhatAPolicyRewrites(t *testing.T) {
	u := newUser(t)
	if !theWorld(t).own {
		t.Skip("a policy of the whole cluster is made on the project's own")
	}
	image := ""
	for line := range strings.Lines(u.buildkit("install", "--dry-run=client", "-o", "yaml").ok().stdout) {
		if _, found, ok := strings.Cut(strings.TrimSpace(line), "image: "); ok {
			image = found
		}
	}
	_, rest, ok := strings.Cut(image, "/")
	if !ok {
		t.Fatalf("the image is %q", image)
	}
	far, owner := "far.example/"+rest, u.ownerReference()
	u.kubectlIn("", []byte(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: '[JSONPatch{op: "replace", path: "/spec/containers/0/image", value: object.spec.containers[0].image.replace("far.example/", "%[3]s/")}]'
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
spec: {policyName: %[1]s}
`, u.namespace, owner, strings.TrimSuffix(image, "/"+rest))), "apply", "-f", "-").ok()
	u.eventually("the policy is in force", func() bool {
		return strings.Contains(u.kubectl("run", "x", "--image", far, "--dry-run=server", "-o", "jsonpath={.spec.containers[0].image}").stdout, image)
	})
	u.builder("--image", far)
	uid := u.podUID("buildkitd")
	for _, args := range [][]string{{"install"}, {"install", "--dry-run=server"}, {"install", "--image", far}} {
		if text := u.buildkit(args...).ok().stdout; !strings.Contains(text, "unchanged") {
			t.Errorf("%q: %s", args, text)
		}
	}
	if got := u.kubectl("get", "pod", "buildkitd", "-o", "jsonpath={.spec.containers[0].image}").ok().stdout; got != image || u.podUID("buildkitd") != uid {
		t.Errorf("the Pod has image %s", got)
	}
	u.buildkit("build", "-o", u.home+"/out", dockerfile(t, "FROM scratch", "COPY Dockerfile /")).ok()
	if _, err := os.Stat(u.home + "/out/Dockerfile"); err != nil {
		t.Error(err)
	}
}
