package e2e_test

import (
	"strings"
	"testing"
)

func TestRootlessBuilder(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	installed := u.buildkit(append([]string{"install", "--rootless"}, u.registryFlags()...)...)
	if installed.code != 0 && !theWorld(t).own {
		t.Skipf("this cluster cannot run a rootless builder:\n%s", installed.all())
	}
	installed.ok()
	if id := u.kubectl("exec", "buildkitd", "--", "id", "-u").ok().line1(); id != "1000" {
		t.Errorf("the daemon runs as user %s", id)
	}
	tag := reg.name(u) + ":rootless"
	built := u.buildkit("build", "-t", tag, "--push", dockerfile(t, "FROM BASE", "RUN id -u >/who", `CMD ["cat", "/who"]`)).ok()
	if !strings.HasSuffix(built.line1(), reg.digest(tag)) {
		t.Errorf("printed %q, the registry has %q", built.line1(), reg.digest(tag))
	}
	u.runsAndPrints(built.line1(), "0")
}
