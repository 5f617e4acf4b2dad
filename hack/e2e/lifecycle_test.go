package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The main job: install, build, push, run, build again from the cache, uninstall without a trace.
func TestInstallBuildPushRunUninstall(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	u.builder()
	tag := reg.name(u) + ":1"
	context := dockerfile(t, "FROM BASE", "COPY words /words", "RUN tr a-z A-Z </words >/shout", `CMD ["cat", "/shout"]`)
	write(t, filepath.Join(context, "words"), "built in the cluster\n")
	metadata, iid := filepath.Join(u.home, "meta.json"), filepath.Join(u.home, "iid")

	first := u.buildkit("build", "-t", tag, "--push", "--metadata-file", metadata, "--iidfile", iid, context).ok()
	digest := reg.digest(tag)
	if want := tag + "@" + digest; digest == "" || first.line1() != want {
		t.Fatalf("printed %q, the registry holds %q", first.line1(), want)
	}
	checkMetadata(t, metadata, digest)
	if raw, err := os.ReadFile(iid); err != nil || !strings.HasPrefix(string(raw), "sha256:") {
		t.Errorf("the iidfile has %q, %v", raw, err)
	}

	u.runsAndPrints(first.line1(), "BUILT IN THE CLUSTER")

	second := u.buildkit("build", "-t", tag, "--push", "--progress", "plain", context).ok()
	second.says("CACHED")
	if want := tag + "@" + reg.digest(tag); second.line1() != want {
		t.Errorf("printed %q, the registry holds %q", second.line1(), want)
	}

	u.buildkit("uninstall").ok()
	u.leavesNothing()
}

func checkMetadata(t *testing.T, path, digest string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var metadata map[string]any
	if err := json.Unmarshal(raw, &metadata); err != nil {
		t.Fatalf("the metadata file is not JSON: %v\n%s", err, raw)
	}
	if metadata["containerimage.digest"] != digest {
		t.Errorf("the metadata file says %v, the registry %s", metadata["containerimage.digest"], digest)
	}
}

// runsAndPrints starts the image as a Pod and waits for its output.
func (u *user) runsAndPrints(image, want string) {
	u.t.Helper()
	u.kubectl("run", "result", "--image", image, "--restart=Never").ok()
	u.kubectl("wait", "pod/result", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s").ok()
	if got := u.kubectl("logs", "result").ok().stdout; !strings.Contains(got, want) {
		u.t.Errorf("the image printed %q, want %q", got, want)
	}
	u.kubectl("delete", "pod", "result", "--now").ok()
}

// leavesNothing demands a namespace without a single object of ours.
func (u *user) leavesNothing() {
	u.t.Helper()
	u.leavesOnly()
}

// leavesOnly demands a namespace with no object of ours but these.
func (u *user) leavesOnly(kept ...string) {
	u.t.Helper()
	kept = append(kept, "configmap/kube-root-ca.crt", "serviceaccount/default")
	kinds := "pods,statefulsets,services,configmaps,secrets,roles,rolebindings,serviceaccounts,persistentvolumeclaims,poddisruptionbudgets"
	left := u.kubectl("get", kinds, "-o", "name").ok().stdout
	for name := range strings.Lines(left) {
		if name = strings.TrimSpace(name); !slices.Contains(kept, name) {
			u.t.Errorf("left over: %s", name)
		}
	}
}

func TestInstallAgainChangesOnlyWhatChanged(t *testing.T) {
	u := newUser(t)
	u.builder()
	uid := u.podUID("buildkitd")
	u.builder()
	if again := u.podUID("buildkitd"); again != uid {
		t.Error("installing the same again replaced the Pod")
	}
	u.builder("--limit", "memory=1Gi")
	if again := u.podUID("buildkitd"); again == uid {
		t.Error("a new memory limit did not replace the Pod")
	}
	limit := u.kubectl("get", "pod", "buildkitd", "-o", "jsonpath={.spec.containers[0].resources.limits.memory}").ok().stdout
	if limit != "1Gi" {
		t.Errorf("the memory limit is %q", limit)
	}
}

func (u *user) podUID(name string) string {
	u.t.Helper()
	return u.kubectl("get", "pod", name, "-o", "jsonpath={.metadata.uid}").ok().stdout
}

// A new user's first command may be a build: the builder comes by itself, and it is said.
func TestBuildInstallsTheDefaultBuilder(t *testing.T) {
	u := newUser(t)
	context := t.TempDir()
	write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")

	u.buildkit("build", "--install=false", context).exits(3).says("no builder", u.namespace, "kubectl buildkit install")
	u.buildkit("build", "-o", "type=cacheonly", context).ok().says("installing", "buildkitd")
	u.buildkit("info").ok()
}

func TestUnusedTagIsAWarning(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := t.TempDir()
	write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
	u.buildkit("build", "-t", "registry.example/app:1", context).ok().says("--push")
}

func TestInstallPrintsWhatItWouldDo(t *testing.T) {
	u := newUser(t)
	yaml := u.buildkit("install", "-o", "yaml", "--dry-run=client").ok().stdout
	for _, kind := range []string{"kind: Pod", "kind: Secret", "kind: Role", "kind: ConfigMap"} {
		if !strings.Contains(yaml, kind) {
			t.Errorf("the YAML lacks %q\n%s", kind, yaml)
		}
	}
	u.buildkit("install", "--dry-run=server").ok()
	u.leavesNothing()

	u.kubectlIn("", []byte(yaml), "apply", "-f", "-").ok()
	u.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
	context := t.TempDir()
	write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
	u.buildkit("build", "--install=false", "-o", "type=cacheonly", context).ok()
}

func TestInfoAndList(t *testing.T) {
	u := newUser(t)
	u.builder()
	info := u.buildkit("info").ok().stdout
	for _, text := range []string{"buildkitd", "v0.34.2", "linux/amd64", "20"} {
		if !strings.Contains(info, text) {
			t.Errorf("info lacks %q\n%s", text, info)
		}
	}
	list := u.buildkit("list").ok().stdout
	if !strings.Contains(list, "buildkitd") {
		t.Errorf("list lacks the builder\n%s", list)
	}
	all := u.buildkit("list", "-A").ok().stdout
	if !strings.Contains(all, u.namespace) {
		t.Errorf("list -A lacks the namespace\n%s", all)
	}
}

func TestVersionNeedsNoCluster(t *testing.T) {
	u := newUser(t)
	u.env["KUBECONFIG"] = filepath.Join(u.home, "absent")
	if out := u.buildkit("version").ok().stdout; !strings.Contains(out, "v0.34.2") {
		t.Errorf("version does not name BuildKit's version: %q", out)
	}
}

// Two people build at once on one builder: both get their own image.
func TestTwoBuildsAtOnce(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	u.builder()
	results := make(chan call, 2)
	for _, word := range []string{"one", "two"} {
		context := dockerfile(t, "FROM BASE", "RUN sleep 2; echo "+word+" >/word", `CMD ["cat", "/word"]`)
		go func() { results <- u.buildkit("build", "-t", reg.name(u)+":"+word, "--push", context) }()
	}
	for range 2 {
		result := <-results
		result.ok()
		tag, digest, _ := strings.Cut(result.line1(), "@")
		if reg.digest(tag) != digest {
			t.Errorf("%s is not in the registry", result.line1())
		}
	}
	if reg.digest(reg.name(u)+":one") == reg.digest(reg.name(u)+":two") {
		t.Error("both builds pushed the same image")
	}
}

// A Pod that was deleted, as a drained node deletes it, comes back with the next build and keeps its settings.
func TestDeletedPodIsRestored(t *testing.T) {
	u := newUser(t)
	u.builder("--limit", "memory=1Gi")
	context := t.TempDir()
	write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
	u.kubectl("delete", "pod", "buildkitd").ok()
	if listed := u.buildkit("list").ok().stdout; !strings.Contains(listed, "0/1") || !strings.Contains(listed, "Missing") {
		t.Errorf("the list is %q", listed)
	}
	u.buildkit("info").exits(3).says("does not exist", "kubectl buildkit install buildkitd -n "+u.namespace)
	u.kubectl("create", "serviceaccount", "builds").ok()
	u.kubectl("create", "rolebinding", "builds", "--role", "buildkitd-user", "--serviceaccount", u.namespace+":builds").ok()
	u.as(t, "builds").buildkit("build", context).exits(3).says("not restored", "ask an administrator to run: kubectl buildkit install")
	u.buildkit("build", "-o", "type=cacheonly", context).ok().says("restoring builder", "a privileged Pod", u.namespace, "context")
	if limit := u.kubectl("get", "pod", "buildkitd", "-o", "jsonpath={.spec.containers[0].resources.limits.memory}").ok().stdout; limit != "1Gi" {
		t.Errorf("its limit is %q", limit)
	}
	node := u.kubectl("get", "pod", "buildkitd", "-o", "jsonpath={.spec.nodeName}").ok().stdout
	u.kubectl("label", "pod", "buildkitd", "drained="+u.namespace).ok()
	u.kubectl("drain", node, "--dry-run=server", "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector", "drained="+u.namespace).ok()
}
