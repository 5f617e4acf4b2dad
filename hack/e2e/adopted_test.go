package e2e_test

import (
	"os"
	"testing"
)

// What `kubectl apply -f pod.privileged.yaml` of BuildKit's examples makes: no labels, no certificates of ours.
func TestAdoptedBuilder(t *testing.T) {
	u := newUser(t)
	manifest, err := os.ReadFile("testdata/pod.privileged.yaml")
	if err != nil {
		t.Fatal(err)
	}
	u.kubectlIn("", manifest, "apply", "-f", "-").ok()
	u.kubectl("wait", "pod/buildkitd", "--for=jsonpath={.status.phase}=Running", "--timeout=60s").ok()

	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.buildkit("info").ok()
	u.buildkit("build", "--install=false", "-o", "type=cacheonly", context).ok()
	u.buildkit("build", "--builder", "buildkitd", "--transport", "exec", "-o", "type=cacheonly", context).ok()

	u.buildkit("install").exits(2).says("buildkitd", "not installed as a part of")
	u.buildkit("uninstall").exits(2).says("buildkitd", "not installed as a part of")
	u.kubectl("get", "pod", "buildkitd").ok()
}
