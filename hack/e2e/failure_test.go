package e2e_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFailingStep(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM BASE", "RUN echo the cause is here; exit 7", "RUN echo never")
	for _, progress := range []string{"plain", "quiet", "auto"} {
		failed := u.buildkit("build", "--progress", progress, context).exits(1)
		failed.says("error: [2/3] ended with exit code 7 (Dockerfile:2)\nnext:  kubectl buildkit history logs ", ">>> RUN echo the cause is here; exit 7")
		if lines := strings.Split(failed.stderr, "\n"); !slices.ContainsFunc(lines, func(line string) bool { return strings.HasSuffix(line, " the cause is here") }) {
			t.Errorf("--progress %s does not show the step's log:\n%s", progress, failed.stderr)
		}
	}
}

func TestDockerfileSyntaxError(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM BASE", "RUNN echo typo")
	u.buildkit("build", context).exits(1).says("Dockerfile:2", "RUNN")
}

// What the input alone shows is said before the cluster is asked: here no cluster can be reached at all.
func TestInputErrorsNeedNoCluster(t *testing.T) {
	u := newUser(t)
	u.env["KUBECONFIG"] = filepath.Join(u.home, "absent")
	good := t.TempDir()
	write(t, filepath.Join(good, "Dockerfile"), "FROM scratch\n")
	empty := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"missing context":     {[]string{"build", filepath.Join(good, "absent")}, []string{"absent"}},
		"context is a file":   {[]string{"build", filepath.Join(good, "Dockerfile")}, []string{"not a directory"}},
		"missing Dockerfile":  {[]string{"build", empty}, []string{filepath.Join(empty, "Dockerfile"), "-f"}},
		"missing -f":          {[]string{"build", "-f", "Other", good}, []string{"Other"}},
		"no context":          {[]string{"build"}, []string{"PATH"}},
		"invalid tag":         {[]string{"build", "-t", "Upper:1", good}, []string{"Upper:1", "--tag"}},
		"push without tag":    {[]string{"build", "--push", good}, []string{"--push", "--tag"}},
		"unknown platform":    {[]string{"build", "--platform", "linux/", good}, []string{"--platform", "linux/"}},
		"unknown output":      {[]string{"build", "-o", "type=zip", good}, []string{"zip", "oci"}},
		"unknown progress":    {[]string{"build", "--progress", "fancy", good}, []string{"fancy", "plain"}},
		"unknown transport":   {[]string{"build", "--transport", "pigeon", good}, []string{"pigeon", "websocket"}},
		"broken build-arg":    {[]string{"build", "--build-arg", "=x", good}, []string{"--build-arg", "=x"}},
		"metadata-file":       {[]string{"build", "--metadata-file", filepath.Join(good, "no", "x.json"), good}, []string{"x.json"}},
		"unknown flag":        {[]string{"build", "--pusj", good}, []string{"--pusj"}},
		"install: bad limit":  {[]string{"install", "--limit", "memory=much"}, []string{"--limit", "memory=much"}},
		"install: bad name":   {[]string{"install", "Not_A_Name"}, []string{"Not_A_Name"}},
		"install: bad CA":     {[]string{"install", "--registry-ca", filepath.Join(good, "Dockerfile")}, []string{"--registry-ca", "PEM"}},
		"install: bad config": {[]string{"install", "--config", filepath.Join(good, "Dockerfile")}, []string{"--config", "Dockerfile"}},
		"install: toleration": {[]string{"install", "--toleration", "a=b:Never"}, []string{"--toleration", "Never"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := u.in(t)
			refused := u.buildkit(c.args...).exits(2).says(c.says...)
			if refused.stdout != "" {
				t.Errorf("an error wrote to stdout\n%s", refused.all())
			}
		})
	}
}

func TestUnknownBuilderAndNamespace(t *testing.T) {
	u := newUser(t)
	u.builder("known")
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.buildkit("build", "--builder", "unknown", context).exits(3).says("unknown", u.namespace, "known")
	u.buildkit("build", "-n", "no-such-namespace", context).exits(3).says("no-such-namespace")
	u.buildkit("info", "unknown").exits(3).says("unknown", u.namespace)
	u.buildkit("uninstall", "unknown").exits(3).says("unknown", u.namespace)
}

func TestUnreachableCluster(t *testing.T) {
	u := newUser(t)
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.buildkit("build", "--server", "https://127.0.0.1:1", context).exits(3).says("127.0.0.1:1").within(time.Minute)
	u.buildkit("build", "--context", "absent", context).exits(2).says("absent")
}

// atOnce excludes an install that waited for its --timeout, five minutes. How fast a busy machine starts a Pod and
// notices its end is another matter.
const atOnce = time.Minute

// A builder that cannot start says why at once, in the cluster's own words, and leaves nothing.
func TestInstallFailsFast(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"image":         {[]string{"--image", need(t, "E2E_REGISTRY") + "/no/such:image"}, []string{"no/such:image", "not found"}},
		"node selector": {[]string{"--node-selector", "disk=none"}, []string{"Unschedulable", "didn't match", "--node-selector"}},
		"memory":        {[]string{"--request", "memory=999Ti"}, []string{"Insufficient memory"}},
		"crash":         {[]string{"--image", need(t, "E2E_BASE_IMAGE")}, []string{"buildkitd"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			u.buildkit(append([]string{"install"}, c.args...)...).exits(3).says(c.says...).within(atOnce)
			u.eventuallyGone()
			u.leavesNothing()
		})
	}
}

// eventuallyGone waits for Pods that are being deleted.
func (u *user) eventuallyGone() {
	u.t.Helper()
	u.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=120s")
}

func TestInstallRefusedByPodSecurity(t *testing.T) {
	u := newUser(t)
	u.kubectl("label", "namespace", u.namespace, "pod-security.kubernetes.io/enforce=restricted").ok()
	u.buildkit("install").exits(4).says("PodSecurity", "privileged", u.namespace).within(atOnce)
	u.leavesNothing()
}

func TestInstallRefusedByQuota(t *testing.T) {
	u := newUser(t)
	u.kubectl("create", "quota", "none", "--hard=pods=0").ok()
	u.buildkit("install").exits(4).says("exceeded quota").within(atOnce)
	u.leavesNothing()
}

// A builder that dies under a build is explained from what the cluster knows, never as a bare EOF.
func TestLostBuilderIsExplained(t *testing.T) {
	u := newUser(t)
	u.builder()
	r := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 300"))
	r.until("begun")
	u.kubectl("delete", "pod", "buildkitd", "--force", "--grace-period=0").ok()
	r.ends(3)
	for _, text := range []string{`Pod "buildkitd"`, "is gone", "kubectl buildkit install"} {
		if !strings.Contains(r.stderr.String(), text) {
			t.Errorf("stderr lacks %q\n%s", text, r.stderr.String())
		}
	}
}
