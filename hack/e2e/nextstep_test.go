package e2e_test

import (
	"strings"
	"testing"
)

// What a failed build says to do next is done as it stands, and the build passes then.
func TestNextStepsWork(t *testing.T) {
	u := newUser(t)
	u.buildkit("install").ok()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	ca := need(t, "E2E_REGISTRY_CA")
	open, private := openRegistry(t), tokenRegistry(t)
	u.dockerConfig(auths(private.host, private.user, private.password))
	for _, reg := range []registry{open, private} {
		push := []string{"build", "-t", reg.name(u) + ":1", "--push", context}
		failed := u.buildkit(push...).exits(3).says("warning: ", "the push will fail: kubectl buildkit install")
		u.does(failed, strings.NewReplacer("FILE", ca))
		u.buildkit(push...).ok()
	}
	// The remedy for one registry leaves the other's in force.
	u.buildkit("build", "-t", open.name(u)+":2", "-t", private.name(u)+":2", "--push", context).ok()

	u.kubectl("create", "serviceaccount", "builds").ok()
	v := u.as(t, "builds")
	u.does(v.buildkit("build", "-o", "type=cacheonly", context).exits(4), strings.NewReplacer())
	v.buildkit("build", "-o", "type=cacheonly", context).ok()
}

// does runs the command of a next step, after what comes before it, with what only the reader knows filled in. A step
// that would lose the cache says how to agree to that without a terminal, and this is done too.
func (u *user) does(failed call, blanks *strings.Replacer) {
	u.t.Helper()
	for range 2 {
		_, next, found := strings.Cut(failed.stderr, "\nnext:  ")
		line, _, _ := strings.Cut(next, "\n")
		_, command, isCommand := strings.Cut(line, "kubectl ")
		if !found || !isCommand {
			u.t.Fatalf("%s: the next step %q is no command\n%s", failed.line, line, failed.all())
		}
		if failed = u.run("", nil, "sh", "-c", "kubectl "+blanks.Replace(command)); failed.code == 0 {
			return
		}
	}
	failed.ok()
}
