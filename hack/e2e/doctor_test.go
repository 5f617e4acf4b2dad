package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// findings are the statuses of doctor's checks by their names.
func (c call) findings() map[string]string {
	c.t.Helper()
	var report struct {
		Checks []struct{ Name, Status, Message string }
	}
	if err := json.Unmarshal([]byte(c.stdout), &report); err != nil {
		c.t.Fatalf("%v\n%s", err, c.all())
	}
	found := map[string]string{}
	for _, check := range report.Checks {
		found[check.Name] = check.Status
	}
	return found
}

// finds demands statuses of checks, given in pairs.
func (c call) finds(pairs ...string) call {
	c.t.Helper()
	found := c.findings()
	for i := 0; i < len(pairs); i += 2 {
		if found[pairs[i]] != pairs[i+1] {
			c.t.Errorf("%q is %q, want %q\n%s", pairs[i], found[pairs[i]], pairs[i+1], c.all())
		}
	}
	return c
}

// What a user with problems asks first: no builder, a builder, one without rights, a registry that refuses.
func TestDoctor(t *testing.T) {
	t.Parallel()
	u, reg := newUser(t), tokenRegistry(t)
	u.buildkit("doctor", "-o", "json").exits(3).finds("API server", "ok", "builder", "failed", "daemon", "skipped", "docker config", "ok").
		says("checks failed: builder")

	u.builder("--registry-ca", need(t, "E2E_REGISTRY_CA"))
	whole := u.buildkit("doctor", "-o", "json").ok()
	for name, status := range whole.findings() {
		if status != "ok" && name != "registries" {
			t.Errorf("%s is %s\n%s", name, status, whole.all())
		}
	}
	u.buildkit("doctor", "-o", "json", "--push-to", reg.name(u)).exits(4).finds("push: "+reg.name(u), "failed")
	u.dockerConfig(auths(reg.host, reg.user, reg.password))
	u.buildkit("doctor", "-o", "json", "--push-to", reg.name(u), "--registry", reg.host).ok().
		finds("push: "+reg.name(u), "ok", "registry: "+reg.host, "ok").neverSays(reg.password)
	u.buildkit("doctor", "--registry", "127.0.0.1:1").exits(1).says("registry: 127.0.0.1:1")

	u.kubectl("create", "serviceaccount", "bound").ok()
	u.kubectl("create", "serviceaccount", "unbound").ok()
	u.kubectl("create", "rolebinding", "bound", "--role", "buildkitd-user", "--serviceaccount", u.namespace+":bound").ok()
	u.as(t, "bound").buildkit("doctor", "-o", "json").ok().finds("permission to build", "ok", "nodes", "unknown", "Pod Security", "unknown",
		"builder", "ok", "tunnel: websocket", "ok", "tunnel: spdy", "ok", "tunnel: exec", "skipped", "daemon", "ok")
	u.as(t, "unbound").buildkit("doctor", "-o", "json").exits(4).finds("permission to build", "failed", "builder", "unknown", "daemon", "skipped")
}

func TestDoctorOfOtherBuilders(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	manifest, err := os.ReadFile("testdata/pod.privileged.yaml")
	if err != nil {
		t.Fatal(err)
	}
	u.kubectlIn("", manifest, "apply", "-f", "-").ok()
	u.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
	u.buildkit("doctor", "-o", "json").ok().finds("builder", "ok", "tunnel: websocket", "skipped", "tunnel: exec", "ok", "daemon", "ok")

	u.buildkit("install", "wrong", "--image", need(t, "E2E_REGISTRY")+"/no/such:image", "--wait=false").ok()
	for range 60 {
		if strings.Contains(u.kubectl("get", "pod", "wrong", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}").ok().stdout, "ImagePull") {
			break
		}
		time.Sleep(time.Second)
	}
	u.buildkit("doctor", "wrong", "-o", "json").exits(3).finds("builder", "failed", "image", "failed", "tunnel: spdy", "skipped")

	u.kubectl("label", "namespace", u.namespace, "pod-security.kubernetes.io/enforce=baseline", "--overwrite").ok()
	u.buildkit("doctor", "third", "-o", "json").exits(4).finds("Pod Security", "failed", "builder", "failed")
	write(t, filepath.Join(u.mkdir(".docker"), "config.json"), "{")
	u.buildkit("doctor", "-o", "json").ok().finds("docker config", "warning", "daemon", "ok", "Pod Security", "warning")
}
