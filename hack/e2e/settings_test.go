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

// What is deleted by hand takes no settings along, and the commands that info prints make the same builder elsewhere.
func TestSettingsAreNotLost(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	toml := filepath.Join(u.home, "toml")
	write(t, toml, "debug = true\n# it's \"quoted\" \\ and more\n")
	u.buildkit("install", "--config", toml, "--registry-ca", need(t, "E2E_REGISTRY_CA"), "--env", "A=two\nlines", "--limit", "memory=512Mi", "--annotation", "note=a, b").ok()
	settings := []string{"info", "-o", "jsonpath={.settings}"}
	before, shown := u.buildkit(settings...).ok().stdout, u.buildkit("info").ok().stdout
	u.kubectl("delete", "pod/buildkitd", "secret/buildkitd-server", "secret/buildkitd-client").ok()
	if got := u.buildkit(settings...).exits(3).stdout; got != before {
		t.Errorf("settings of a builder that is gone: %s\nwant %s", got, before)
	}
	u.does(u.buildkit("install").exits(2).says("+ limit: memory=512Mi", "+ new certificates"))
	if got := u.buildkit(settings...).ok().stdout; got != before {
		t.Errorf("settings of the restored builder: %s\nwant %s", got, before)
	}
	other := u.namespace + "-b"
	u.kubectl("create", "namespace", other).ok()
	defer u.kubectl("delete", "namespace", other, "--wait=false")
	commands := ""
	for line := range strings.Lines(shown) {
		name, command, _ := strings.Cut(line, ":")
		switch name {
		case "Settings": // reads the files
			commands += strings.ReplaceAll(strings.TrimSpace(command), "-n "+u.namespace, "-n "+other)
		case "File":
			commands = strings.TrimSpace(command) + "\n" + commands
		}
	}
	u.run("", nil, "sh", "-c", "cd "+u.mkdir("files")+"\n"+commands).ok()
	if got := u.buildkit(append(settings, "-n", other)...).ok().stdout; got != before {
		t.Errorf("the builder elsewhere has %s\nwant %s, by\n%s", got, before, commands)
	}
}
