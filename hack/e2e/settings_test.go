package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// A plain install, which is what hints say, keeps what was asked for; what is lost is shown and agreed to first.
func TestInstallKeepsItsSettings(t *testing.T) {
	u := newUser(t)
	u.builder("--limit", "memory=1Gi")
	if text := u.buildkit("install").ok().stdout; !strings.Contains(text, "unchanged") {
		t.Errorf("a plain install: %s", text)
	}
	if text := u.buildkit("info").ok().stdout; !strings.Contains(text, "--limit memory=1Gi") || !strings.Contains(text, "--insecure-registry "+need(t, "E2E_REGISTRY")) {
		t.Errorf("settings: %s", text)
	}
	uid := func() string { return u.podUID("buildkitd") }
	before := uid()
	context := u.mkdir("context")
	write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
	u.buildkit("build", "-q", context).ok()
	u.buildkit("install", "--unset", "limit").exits(2).says("- limit: memory=1Gi", "history record", "--yes")
	if uid() != before {
		t.Error("the Pod was replaced without agreement")
	}
	u.buildkit("install", "--storage", "2Gi", "--storage-class", "none-such", "--yes").exits(2).says("none-such", "not found")
	if uid() != before {
		t.Error("a refused install has replaced the Pod")
	}
	u.buildkit("install", "--unset", "limit", "--yes").ok().says("Pod/buildkitd replaced")
	if settings := u.buildkit("info").ok().stdout; strings.Contains(settings, "--limit") || !strings.Contains(settings, "--insecure-registry") {
		t.Errorf("settings: %s", settings)
	}
	u.buildkit("uninstall").ok().says("removing builder", u.namespace)
	u.buildkit("uninstall", "--ignore-not-found").ok()
}
