package e2e_test

import (
	"regexp"
	"testing"
)

// Colors are for a terminal, and not where NO_COLOR is set.
func TestColours(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM BASE", "RUN echo colourful")
	colour := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	args := []string{"buildkit", "build", "--no-cache", "-o", "type=cacheonly", context}
	watch := func() string {
		x := u.sitsDown("kubectl", args...)
		x.shows("FINISHED")
		x.ends(0)
		return x.text
	}
	if text := watch(); !colour.MatchString(text) {
		t.Errorf("no colours on a terminal:\n%q", text)
	}
	u.env["NO_COLOR"] = "1"
	if text := watch(); colour.MatchString(text) {
		t.Errorf("colours in spite of NO_COLOR:\n%q", text)
	}
	delete(u.env, "NO_COLOR")
	u.kubectl(args...).ok().neverSays("\x1b")
	u.kubectl("buildkit", "list").ok().neverSays("\x1b")
	u.kubectl("buildkit", "biuld").exits(2).neverSays("\x1b")
}
