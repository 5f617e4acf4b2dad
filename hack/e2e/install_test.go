package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every flag of install, seen from where it matters: in the Pod, or in what the daemon then does.
func TestInstallFlags(t *testing.T) {
	u, open := newUser(t), need(t, "E2E_REGISTRY")
	config := filepath.Join(u.home, "buildkitd.toml")
	write(t, config, "[log]\n  format = \"json\"\n")
	u.kubectl("create", "serviceaccount", "builds").ok()
	u.kubectl("create", "secret", "docker-registry", "pull", "--docker-server=registry.example", "--docker-username=a", "--docker-password=b").ok()
	u.builder("team", "--config", config, "--registry-mirror", "mirrored.example="+open, "--request", "cpu=10m,memory=64Mi",
		"--limit", "memory=2Gi", "--limit", "ephemeral-storage=5Gi", "--node-selector", "kubernetes.io/arch=amd64", "--toleration",
		"dedicated=builds:NoSchedule", "--image-pull-secret", "pull", "--service-account", "builds", "--label", "team=web",
		"--annotation", "note=a, b", "--env", "FROM_INSTALL=yes", "--image", "docker.io/moby/buildkit:v0.34.2", "--timeout", "1m")

	for path, want := range map[string]string{
		".spec.containers[0].resources.requests.memory":                            "64Mi",
		".spec.containers[0].resources.limits.ephemeral-storage":                   "5Gi",
		".spec.nodeSelector.kubernetes\\.io/arch":                                  "amd64",
		".spec.tolerations[0].key":                                                 "dedicated",
		".spec.imagePullSecrets[0].name":                                           "pull",
		".spec.serviceAccountName":                                                 "builds",
		".spec.automountServiceAccountToken":                                       "false",
		".metadata.labels.team":                                                    "web",
		".metadata.annotations.note":                                               "a, b",
		".metadata.annotations.cluster-autoscaler\\.kubernetes\\.io/safe-to-evict": "false",
	} {
		if got := u.kubectl("get", "pod", "team", "-o", "jsonpath={"+path+"}").ok().stdout; got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if env := u.kubectl("exec", "team", "--", "sh", "-c", "echo $FROM_INSTALL").ok().line1(); env != "yes" {
		t.Errorf("the daemon's environment has %q", env)
	}
	if logs := u.kubectl("logs", "team").ok().stdout; !strings.Contains(logs, `{"level"`) {
		t.Errorf("the daemon does not honor --config\n%s", logs)
	}
	base := "mirrored.example" + strings.TrimPrefix(need(t, "E2E_BASE_IMAGE"), open)
	context := t.TempDir()
	write(t, filepath.Join(context, "Dockerfile"), "FROM "+base+"\nRUN true\n")
	u.buildkit("build", "--builder", "team", "-o", "type=cacheonly", context).ok()
}

func TestInstallWithoutWaiting(t *testing.T) {
	u := newUser(t)
	u.buildkit("install", "--wait=false").ok()
	u.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
	u.buildkit("info").ok()
}

// A builder that must change lets its running builds end; --force does not.
func TestReplacingABuilderWaitsForItsBuilds(t *testing.T) {
	u := newUser(t)
	u.builder()
	uid := u.podUID("buildkitd")
	r := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 6"))
	r.until("begun")
	u.builder("--limit", "memory=1Gi")
	r.ends(0)
	if u.podUID("buildkitd") == uid {
		t.Error("the Pod was not replaced")
	}

	// With retries it would go on, from the start, on the Pod that comes next.
	r = u.begin("build", "--retries", "0", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 300"))
	r.until("begun")
	u.builder("--limit", "memory=2Gi", "--force")
	r.ends(3)
}

// Members and volumes: what is in the cache outlives the Pods.
func TestStatefulBuilder(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	u.builder("--replicas", "2")
	for _, context := range []string{dockerfile(t, "FROM BASE", "RUN echo 1 >/one"), dockerfile(t, "FROM BASE", "RUN echo 2 >/two")} {
		tag := reg.name(u) + ":" + filepath.Base(context)
		u.buildkit("build", "-t", tag, "--push", context).ok()
		u.buildkit("build", "-t", tag, "--push", "--progress", "plain", context).ok().says("CACHED")
	}
	// install returns when the daemons answer; the kubelet's readiness probe reports them a moment later.
	u.eventually("list shows two ready members", func() bool { return strings.Contains(u.buildkit("list").ok().stdout, "2/2") })
	u.buildkit("uninstall").ok()
	u.leavesNothing()
}

// Without a home there are no credentials, and open registries need none.
func TestNoDockerConfigAtAll(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	u.builder()
	if err := os.RemoveAll(filepath.Join(u.home, ".docker")); err != nil {
		t.Fatal(err)
	}
	delete(u.env, "HOME")
	delete(u.env, "DOCKER_CONFIG")
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.kubectlIn(t.TempDir(), nil, "buildkit", "build", "-t", reg.name(u)+":1", "--push", context).ok()
}
