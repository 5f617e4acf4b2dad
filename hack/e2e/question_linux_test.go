package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// question is one that a command asks before it changes anything.
type question struct {
	command  string // after "kubectl buildkit"
	asks     string
	refused  int    // the exit code of no, and of the end of the input
	says     string // after no
	unread   int    // the exit code where the error stream goes elsewhere
	unreadIs string // what is said there
}

// refuses answers in every way but yes, and finds that nothing has changed.
func (u *user) refuses(q question, unchanged func() string) {
	u.t.Helper()
	before := unchanged()
	sits := func(redirection string) *terminal {
		return u.sitsDown("sh", "-c", "exec kubectl buildkit "+q.command+redirection)
	}
	for typed, code := range map[string]int{"n\n": q.refused, "\n": q.refused, "yess\n": q.refused, "\x04": q.refused, "\x03": 130} {
		x := sits("")
		x.shows(q.asks + " [y/N] ")
		x.types(typed)
		x.ends(code)
		if code != 130 && !strings.Contains(x.text, q.says) {
			x.t.Errorf("%s, answered %q: it does not say %q\n%s", q.command, typed, q.says, x.text)
		}
	}
	x := sits(" | cat") // the result goes elsewhere, the question does not
	x.shows(q.asks + " [y/N] ")
	x.types("n\n")
	x.ends(0) // that of cat
	if q.unreadIs != "" {
		x = sits(" 2>" + filepath.Join(u.home, "errors"))
		x.ends(q.unread)
		if text := read(u.t, filepath.Join(u.home, "errors")); !strings.Contains(text, q.unreadIs) {
			u.t.Errorf("%s: where the question is not read, it says\n%s", q.command, text)
		}
	}
	if after := unchanged(); after != before {
		u.t.Errorf("%s, refused, has changed %q to %q", q.command, before, after)
	}
}

// agrees answers yes.
func (u *user) agrees(q question) {
	u.t.Helper()
	x := u.sitsDown("kubectl", append([]string{"buildkit"}, strings.Fields(q.command)...)...)
	x.shows(q.asks + " [y/N] ")
	x.types("y\n")
	x.ends(0)
}

// Every question at a terminal: yes, no, nothing, Ctrl-D, Ctrl-C, and output that goes elsewhere.
func TestQuestions(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	pods := func() string {
		return u.kubectl("get", "pods,pvc,secrets", "-o", "jsonpath={.items[*].metadata.uid}").ok().stdout
	}
	build := question{"build -o type=cacheonly " + context, `Install "buildkitd", a privileged Pod?`, 3, "no builder", 0, ""}
	u.refuses(build, pods)
	u.agrees(build)

	u.buildkit("build", "-q", context).ok()
	install := question{"install --limit memory=1Gi", "Continue?", 1, "nothing was changed", 2, "kubectl buildkit install --limit memory=1Gi --yes"}
	u.refuses(install, pods)
	u.agrees(install)

	u.buildkit("build", "-q", context).ok()
	cache := func() string { return u.buildkit("du", "-o", "jsonpath={.totals.records}").ok().stdout }
	prune := question{"prune", "Continue?", 0, "nothing was removed", 2, "--force"}
	u.refuses(prune, cache)
	u.agrees(prune)
	if cache() != "0" {
		t.Errorf("after prune there are %s records", cache())
	}

	u.buildkit("install", "kept", "--storage", "1Gi", "--wait=false").ok()
	uninstall := question{"uninstall kept --purge", "the volumes go with their cache. Continue?", 1, "nothing was removed", 2, "kubectl buildkit uninstall kept --purge --yes"}
	u.eventually("the claim is there", func() bool { return strings.Contains(u.kubectl("get", "pvc", "-o", "name").stdout, "kept") })
	u.refuses(uninstall, pods)
	u.agrees(uninstall)
	if left := u.kubectl("get", "pvc", "-o", "name").ok().stdout; left != "" {
		t.Errorf("volumes are left: %s", left)
	}
}
