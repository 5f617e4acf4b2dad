package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
)

// CI in a Pod: a ServiceAccount bound to install's Role, no kubeconfig, no HOME worth the name. The image that runs
// there is built by the plugin itself.
func TestInsideAPod(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	u.builder()
	context := dockerfile(t, "FROM BASE", "COPY kubectl-buildkit /bin/", "WORKDIR /src", "COPY Dockerfile .")
	plugin, err := os.ReadFile(os.Getenv("E2E_PLUGIN"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(context, "kubectl-buildkit"), plugin, 0o755); err != nil {
		t.Fatal(err)
	}
	image := u.buildkit("build", "-t", reg.name(u)+":ci", "--push", context).ok().line1()

	u.kubectl("create", "serviceaccount", "ci").ok()
	u.kubectl("create", "rolebinding", "ci", "--role", "buildkitd-user", "--serviceaccount", u.namespace+":ci").ok()
	write(t, filepath.Join(u.home, "pod.json"), `{"spec": {"serviceAccountName": "ci", "containers": [{"name": "ci", "image": "`+image+`",
		"command": ["sh", "-c", "printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile && kubectl-buildkit build -t `+reg.name(u)+`:fromci --push ."]}]}}`)
	overrides, err := os.ReadFile(filepath.Join(u.home, "pod.json"))
	if err != nil {
		t.Fatal(err)
	}
	u.kubectl("run", "ci", "--image", image, "--restart=Never", "--overrides", string(overrides)).ok()
	u.kubectl("wait", "pod/ci", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
	logs := u.kubectl("logs", "ci").ok()
	if digest := reg.digest(reg.name(u) + ":fromci"); digest == "" {
		t.Errorf("the build inside the Pod pushed nothing\n%s", logs.all())
	}
}

// The flags every kubectl command has.
func TestKubectlFlags(t *testing.T) {
	u := newUser(t)
	u.builder()
	admin := u.env["KUBECONFIG"]
	u.env["KUBECONFIG"] = filepath.Join(u.home, "absent")
	u.buildkit("info", "--kubeconfig", admin).ok()
	u.env["KUBECONFIG"] = admin
	u.kubectl("config", "set-context", "--current", "--namespace", "default").ok()
	u.buildkit("info", "-n", u.namespace).ok()
	u.buildkit("info", "-n", u.namespace, "--request-timeout", "20s").ok()
	current := u.kubectl("config", "current-context").ok().line1()
	u.buildkit("info", "-n", u.namespace, "--context", current).ok()
	u.buildkit("info", "-n", u.namespace, "--as", "stranger").exits(4).says("stranger")
}
