package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A user of a real bash with kubectl's completion presses TAB.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder("team-builder")
	u.builder()
	u.kubectl("create", "secret", "docker-registry", "pull-secret", "--docker-server=registry.example", "--docker-username=a", "--docker-password=b").ok()
	u.kubectl("create", "secret", "generic", "npm-tokens", "--from-literal=readonly=x").ok()
	write(t, filepath.Join(u.mkdir("context"), "Dockerfile.release"), "FROM scratch\n")
	u.buildkit("build", dockerfile(t, "FROM scratch", "LABEL a=b")).ok()
	ref := u.buildkit("history", "list", "--quiet").ok().line1()

	x := u.atBash()
	for typed, want := range map[string]string{
		"inf":                 "info ",
		"info team-b":         "info team-builder ",
		"build --builder tea": "build --builder team-builder ",
		"build -n " + u.namespace[:len(u.namespace)-2]: "build -n " + u.namespace + " ",
		"build --progress=rawj":                        "build --progress=rawjson ",
		"build --transport websock":                    "build --transport websocket ",
		"build --registry-secret p":                    "build --registry-secret pull-secret ",
		"build --registry-service-acc":                 "build --registry-service-account ",
		"build --secret id=npm,k":                      "build --secret id=npm,k8s=",
		"build --secret id=npm,k8s=npm":                "build --secret id=npm,k8s=npm-tokens/",
		"build --secret id=n,k8s=npm-tokens/r":         "build --secret id=n,k8s=npm-tokens/readonly ",
		"build --file context/Docker":                  "build --file context/Dockerfile.release ",
		"build conte":                                  "build context/",
		"build --output type=o":                        "build --output type=oci,dest=",
		"build --platform linux/amd6":                  "build --platform linux/amd64", // no space: the daemon has variants of it
		"build --platform linux/s390x,linux/amd6":      "build --platform linux/s390x,linux/amd64",
		"du --sort-by us":                              "du --sort-by used ",
		"du --filter descr":                            "du --filter description~=",
		"prune --filter unt":                           "prune --filter until=",
		"prune --output jsonp":                         "prune --output jsonpath=",
		"prune --max-u":                                "prune --max-used-space ",
		"history list --filter status=er":              "history list --filter status=error ",
		"history list --format j":                      "history list --format json ",
		"history logs --progress raw":                  "history logs --progress rawjson ",
		"history inspect " + ref[:8]:                   "history inspect " + ref + " ",
		"logs team-b":                                  "logs team-builder ",
		"logs --fol":                                   "logs --follow ",
	} {
		x.completes("kubectl buildkit "+typed, "kubectl buildkit "+want)
	}
	x.typesUnseen("exit\n")
	x.ends(0)
}

// atBash starts bash as a Debian user has it, with kubectl's completion, and with the plugin's as its help says.
func (u *user) atBash() *terminal {
	u.t.Helper()
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); err != nil {
		u.t.Fatalf("Debian's package bash-completion is missing; `make cluster-up` installs it: %v", err)
	}
	bin := u.mkdir("bin")
	u.run(u.home, nil, "bash", "-c", "kubectl buildkit completion >bin/kubectl_complete-buildkit && chmod +x bin/kubectl_complete-buildkit").ok()
	u.env["PATH"] = bin + ":" + u.env["PATH"]
	u.env["TERM"] = "dumb"
	u.env["INPUTRC"] = filepath.Join(u.home, "inputrc")
	write(u.t, u.env["INPUTRC"], "set enable-bracketed-paste off\nset bell-style none\nset horizontal-scroll-mode off\n")
	rc := filepath.Join(u.home, "bashrc")
	write(u.t, rc, "PS1='> '\ncd "+u.home+"\n. "+library+"\n. <(kubectl completion bash)\necho rea''dy\n")
	x := u.sitsDown("bash", "--noprofile", "--rcfile", rc, "-i")
	x.shows("ready")
	return x
}

// completes types a line and TAB, and demands what the line becomes; then it clears the line.
func (x *terminal) completes(typed, want string) {
	x.t.Helper()
	x.text = ""
	x.typesUnseen(typed + "\t")
	x.types("\x01echo '[\x05]'\n") // to the line's begin and end: echo '[LINE]'
	x.shows("]\r\n")
	if got := x.text; !strings.Contains(got, "\n["+want+"]\r\n") {
		x.t.Errorf("%q becomes, at TAB, something else than %q:\n%s", typed, want, got)
	}
}
