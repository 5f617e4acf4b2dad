package e2e_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What a failed build says to do next is done as it stands, and the build passes then.
func TestNextStepsWork(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.buildkit("install").ok()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	ca := need(t, "E2E_REGISTRY_CA")
	open, private := openRegistry(t), tokenRegistry(t)
	u.dockerConfig(auths(private.host, private.user, private.password))
	for _, reg := range []registry{open, private} {
		push := []string{"build", "-t", reg.name(u) + ":1", "--push", context}
		failed := u.buildkit(push...).exits(3).says("warning: ", "the push will fail: kubectl buildkit install")
		u.does(failed, "FILE", ca)
		u.buildkit(push...).ok()
	}
	// The remedy for one registry leaves the other's in force.
	u.buildkit("build", "-t", open.name(u)+":2", "-t", private.name(u)+":2", "--push", context).ok()

	u.kubectl("create", "serviceaccount", "builds").ok()
	v := u.as(t, "builds")
	u.does(v.buildkit("build", "-o", "type=cacheonly", context).exits(4))
	v.buildkit("build", "-o", "type=cacheonly", context).ok()
}

// copied are the commands of a next step as a reader copies them: prose begins with a punctuation mark and a space.
func (c call) copied() []string {
	c.t.Helper()
	_, next, found := strings.Cut(c.stderr, "\nnext:  ")
	if !found {
		_, next, _ = strings.Cut("\n"+c.stderr, "\nnow: ")
	}
	line, _, _ := strings.Cut(next, "\n")
	commands := regexp.MustCompile(`\bkubectl ([^;,:()]|[;,:()][^ ])*`).FindAllString(line, -1)
	if len(commands) == 0 {
		c.t.Fatalf("%s: the next step %q has no command\n%s", c.line, line, c.all())
	}
	return commands
}

// does runs the first command of a next step, with what only the reader knows filled in. A step that would lose the cache
// says how to agree to that without a terminal, and this is done too.
func (u *user) does(failed call, blanks ...string) call {
	u.t.Helper()
	return u.pastes(failed.copied()[0], blanks...)
}

func (u *user) pastes(command string, blanks ...string) call {
	u.t.Helper()
	for range 2 {
		command = strings.NewReplacer(blanks...).Replace(command)
		done := u.run("", nil, "sh", "-c", command)
		if done.code != 2 || !strings.Contains(done.stderr, "--yes") {
			return done.ok()
		}
		command = done.copied()[0]
	}
	return u.run("", nil, "sh", "-c", command).ok()
}

// What makes a builder unusable, the step that its error names, and the same command again.
func TestNextStepsRestoreTheBuilder(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	build := []string{"build", "--install=false", "--retries", "0", "-o", "type=cacheonly", context}
	info := []string{"info"}
	for _, c := range []struct {
		name  string
		harms func(u *user)
		fails []string
		code  int
	}{
		{"no client Secret", func(u *user) { u.kubectl("delete", "secret", "buildkitd-client").ok() }, build, 3},
		{"no client Secret, info", func(u *user) { u.kubectl("delete", "secret", "buildkitd-client").ok() }, info, 3},
		{"no Pod", func(u *user) { u.kubectl("delete", "pod", "buildkitd").ok() }, build, 3},
		{"no Pod, info", func(u *user) { u.kubectl("delete", "pod", "buildkitd").ok() }, info, 3},
		{"no Pod, prune", func(u *user) { u.kubectl("delete", "pod", "buildkitd").ok() }, []string{"prune", "--force"}, 3},
		{"expired certificates", func(u *user) { u.ages(-24 * time.Hour) }, build, 3},
		{"no such builder", func(u *user) {}, []string{"build", "--builder", "arm", "-o", "type=cacheonly", context}, 3},
		{"misspelt, and meant so", func(u *user) {}, []string{"build", "--builder", "buildkit", "-o", "type=cacheonly", context}, 3},
		{"what is lost is agreed to", func(u *user) { u.buildkit("build", "-q", context).ok() }, []string{"install", "--limit", "memory=2Gi"}, 2},
		{"a locked entitlement", func(u *user) { write(t, filepath.Join(u.home, "toml"), `insecure-entitlements = ["network.host"]`) },
			[]string{"build", "--allow", "network.host", "--network", "host", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN true")}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := u.in(t)
			c.harms(u)
			u.does(u.buildkit(c.fails...).exits(c.code), "FILE", filepath.Join(u.home, "toml"))
			u.buildkit(c.fails...).ok()
		})
	}
	for _, secret := range []string{"secret/buildkitd-server", "configmap/buildkitd-config"} {
		u.kubectl("delete", secret).ok()
		checked := u.buildkit("doctor")
		_, remedy, found := strings.Cut(checked.stdout, "→ ")
		if !found {
			t.Fatalf("doctor finds nothing without %s\n%s", secret, checked.all())
		}
		checked.stderr = "\nnext:  " + remedy
		u.does(checked)
		u.buildkit("doctor").ok()
	}
}

// Steps that look at something, or that only wait.
func TestNextStepsThatLook(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.does(u.buildkit("uninstall").exits(3)).says() // list -A
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.does(u.buildkit("history", "logs").exits(1), "build .", "build -o type=cacheonly "+context)
	u.does(u.buildkit("history", "inspect", "nosuchref").exits(1)).ok()
	failing := u.buildkit("build", dockerfile(t, "FROM BASE", "RUN echo the cause; exit 7")).exits(1)
	u.does(failing).says()
	absent := u.buildkit("build", "-n", u.namespace+"-b", "-o", "type=cacheonly", context).exits(3)
	u.does(absent)
	defer u.kubectl("delete", "namespace", u.namespace+"-b", "--wait=false")
	u.buildkit("build", "-n", u.namespace+"-b", "-o", "type=cacheonly", context).ok()

	running := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun; sleep 4"))
	running.until("begun")
	u.kubectl("delete", "pod", "buildkitd", "--wait=false").ok()
	u.does(u.buildkit("build", "--install=false", "--retries", "0", "-o", "type=cacheonly", context).exits(3))
	running.ends(0)
	u.kubectl("delete", "secret/buildkitd-server").ok()
	u.does(u.buildkit("install").exits(2).says("new certificates")) // nothing proves whose the rest is: it is used once that is agreed to
	u.buildkit("install").ok()

	u.kubectl("delete", "pod", "buildkitd").ok()
	u.kubectl("run", "buildkitd", "--image", need(t, "E2E_BASE_IMAGE"), "--restart=Never", "--", "sleep", "600").ok()
	u.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
	foreign := u.buildkit("info").exits(3)
	u.does(foreign).says()
	u.kubectl("delete", "pod", "buildkitd", "--grace-period=0", "--force").ok()
	u.pastes(foreign.copied()[1])
	u.buildkit("info").ok()
}

// What a namespace's rules refuse becomes what they admit.
func TestNextStepsOfRefusedInstalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule []string
		args []string
	}{
		"limits to name":    {[]string{"create", "quota", "q", "--hard=limits.memory=8Gi"}, nil},
		"too many Pods":     {[]string{"create", "quota", "q", "--hard=pods=0"}, nil},
		"Pod Security":      {[]string{"label", "namespace", "NAMESPACE", "pod-security.kubernetes.io/enforce=restricted"}, nil},
		"more than is left": {[]string{"create", "quota", "q", "--hard=limits.memory=512Mi"}, []string{"--limit", "memory=2Gi", "--label", "a=b"}},
		"above the range":   {[]string{"apply", "-f", "-"}, []string{"--limit", "memory=1Gi"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			for i, word := range c.rule {
				c.rule[i] = strings.ReplaceAll(word, "NAMESPACE", u.namespace)
			}
			const limits = `{"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","max":{"memory":"512Mi"}}]}}`
			u.kubectlIn("", []byte(limits), c.rule...).ok()
			install := append([]string{"install"}, c.args...)
			done := u.does(u.buildkit(install...).exits(4))
			if !strings.Contains(done.line, "buildkit install") && name != "too many Pods" { // there an administrator decides
				u.buildkit(install...).ok()
			}
			if name != "too many Pods" {
				u.buildkit("info").ok()
			}
		})
	}
	t.Run("no such node", func(t *testing.T) {
		u := newUser(t)
		u.does(u.buildkit("install", "--node-selector", "disk=none").exits(3)).says()
	})
}

// An administrator permits what is missing.
func TestNextStepsOfPermissions(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	installed := u.buildkit("install").ok()
	u.kubectl("create", "serviceaccount", "builds").ok()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.does(installed, "REGISTRY/NAME:TAG --push .", "app "+context) // "now: …"
	u.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods,secrets").ok()
	u.kubectl("create", "rolebinding", "reader", "--role", "reader", "--serviceaccount", u.namespace+":builds").ok()
	v := u.as(t, "builds")
	u.does(v.buildkit("build", "-o", "type=cacheonly", context).exits(4))
	v.buildkit("build", "-o", "type=cacheonly", context).ok()
	listing := v.buildkit("list", "-A").exits(4)
	asked := v.run("", nil, "sh", "-c", listing.copied()[0])
	if asked.line1() != "no" {
		t.Errorf("%s", asked.all())
	}
}
