package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A RUN step shares the Pod's network. It finds the daemon's port, and TLS refuses it.
func TestRunStepCannotDriveTheDaemon(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM BASE", "COPY intruder /", "RUN /intruder 127.0.0.1:1234")
	intruder(t, filepath.Join(context, "intruder"))
	built := u.buildkit("build", "--progress", "plain", "-o", "type=cacheonly", context).ok()
	built.says("tcp: connected", "plain http/2: refused", "tls without a certificate: refused")
	built.neverSays("let in")
}

// intruder compiles the attacker's program of testdata/intruder.
func intruder(t *testing.T, path string) {
	t.Helper()
	build := exec.Command("go", "build", "-o", path, "./testdata/intruder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the intruder: %v\n%s", err, out)
	}
}

// Nothing secret is in the Pod, in its environment, or in the log; the client's key is in one Secret alone.
func TestNoSecretsWhereTheyDoNotBelong(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.builder()
	u.dockerConfig(auths(reg.host, reg.user, reg.password))
	u.pushes(reg, "secret", dockerfile(t, "FROM scratch", "COPY Dockerfile /"))
	for _, args := range [][]string{{"get", "pods,secrets,configmaps,events", "-o", "yaml"}, {"logs", "buildkitd"}} {
		u.kubectl(args...).ok().neverSays(reg.password)
	}
	if token := u.kubectl("exec", "buildkitd", "--", "ls", "/var/run/secrets/kubernetes.io/serviceaccount"); token.code == 0 {
		t.Error("the builder holds an API token")
	}
	files := u.kubectl("exec", "buildkitd", "--", "sh", "-c", "grep -rl 'PRIVATE KEY' /etc 2>/dev/null").stdout
	for file := range strings.Lines(files) {
		if strings.Contains(file, "client") {
			t.Errorf("the client's key is in the builder: %s", file)
		}
	}
	left, err := filepath.Glob(filepath.Join(u.home, "tmp", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}

// A Pod of the builder's name that another user made gets nothing, whatever its labels say.
func TestForeignPodGetsNothing(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.kubectl("delete", "pod", "buildkitd").ok()
	for _, labels := range []string{"app=theirs", "app.kubernetes.io/managed-by=kubectl-buildkit,app.kubernetes.io/instance=buildkitd"} {
		u.kubectl("run", "buildkitd", "--image", need(t, "E2E_BASE_IMAGE"), "--labels", labels, "--restart=Never", "--", "sleep", "600").ok()
		u.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
		for _, extra := range [][]string{nil, {"--adopt"}, {"--transport", "exec"}} {
			args := append([]string{"build", "--retries", "0", "-o", "type=cacheonly"}, extra...)
			u.buildkit(append(args, context)...).exits(3).says("buildkitd", u.namespace)
		}
		u.kubectl("delete", "pod", "buildkitd", "--grace-period=0", "--force").ok()
	}
	u.kubectl("run", "foo", "--image", need(t, "E2E_BASE_IMAGE"), "--restart=Never", "--", "sleep", "600").ok()
	u.kubectl("wait", "pod/foo", "--for=condition=Ready", "--timeout=60s").ok()
	u.buildkit("build", "--builder", "foo", "-o", "type=cacheonly", context).exits(3).says("unmanaged and not authenticated", "does not run BuildKit")
}
