package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Volumes grow with their cache in them, and a kept one that is larger or smaller is accepted.
func TestStorageGrows(t *testing.T) {
	u := newUser(t)
	class := u.volume("5Gi")
	u.builder("--storage", "1Gi", "--storage-class", class)
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.buildkit("build", "-o", u.home+"/out", context).ok()
	uid := func() string {
		return u.kubectl("get", "pvc", "cache-buildkitd-0", "-o", "jsonpath={.metadata.uid}").ok().stdout
	}
	before := uid()
	u.buildkit("install", "--storage", "2Gi", "--yes").ok().says("cache-buildkitd-0 grows to 2Gi")
	size := u.kubectl("get", "pvc", "cache-buildkitd-0", "-o", "jsonpath={.spec.resources.requests.storage}").ok().stdout
	if size != "2Gi" || uid() != before {
		t.Errorf("the volume's claim wants %s", size)
	}
	if text := u.buildkit("build", "--progress", "plain", "-o", u.home+"/out", context).ok().stderr; !strings.Contains(text, "CACHED") {
		t.Errorf("the cache is lost:\n%s", text)
	}
	u.buildkit("install", "--storage", "1Gi", "--yes").exits(2).says("2Gi", "cannot shrink")
	u.buildkit("uninstall", "--yes").ok()
	u.buildkit("install", "--storage", "1Gi", "--storage-class", class, "--wait=false", "--yes").exits(2).says("cache-buildkitd-0", "2Gi", "--purge")
	u.leavesOnly("persistentvolumeclaim/cache-buildkitd-0")
	u.buildkit("uninstall", "--purge", "--yes").ok()
}

// volume makes a directory of the node a volume of that size, in a StorageClass that lets volumes grow, and returns the
// class. Both go with the namespace.
func (u *user) volume(size string) (class string) {
	u.t.Helper()
	if !theWorld(u.t).own {
		u.t.Skip("the nodes of this cluster are not this machine")
	}
	owner := u.ownerReference()
	u.kubectlIn("", []byte(fmt.Sprintf(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
provisioner: kubernetes.io/no-provisioner
allowVolumeExpansion: true
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
spec:
  capacity: {storage: %[3]s}
  accessModes: [ReadWriteOnce]
  storageClassName: %[1]s
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: %[4]s}
`, u.namespace, owner, size, u.mkdir("volume"))), "apply", "-f", "-").ok()
	return u.namespace
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
