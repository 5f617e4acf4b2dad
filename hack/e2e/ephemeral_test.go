package e2e_test

import (
	"strings"
	"testing"
)

// ownFlags build on a builder that is made for the build, and reaches the open registry.
func (u *user) ownFlags(reg registry, args ...string) []string {
	return append([]string{"build", "--progress", "plain", "--ephemeral", "--ephemeral-set", "insecure-registry=" + reg.host}, args...)
}

// ownLeavesNothing waits until all that belonged to a builder for one build is gone.
func (u *user) ownLeavesNothing() {
	u.t.Helper()
	u.eventually("the Job goes, with all that it owns", func() bool {
		return strings.TrimSpace(u.kubectl("get", "jobs,pods,secrets,configmaps", "-l", "app.kubernetes.io/managed-by=kubectl-buildkit", "-o", "name").ok().stdout) == ""
	})
	u.leavesNothing()
}

// A builder for one build goes with it, however that ends.
func TestEphemeral(t *testing.T) {
	t.Parallel()
	u, reg := newUser(t), openRegistry(t)
	image := reg.host + "/" + u.namespace + "/once:1"
	if line := u.buildkit(u.ownFlags(reg, "-t", image, "--push", dockerfile(t, "FROM BASE", "RUN echo once >/once"))...).ok().line1(); !strings.HasPrefix(line, image+"@sha256:") {
		t.Errorf("the answer is %q", line)
	}
	u.ownLeavesNothing()
	u.buildkit(u.ownFlags(reg, dockerfile(t, "FROM BASE", "RUN exit 3"))...).exits(1).says("exit code 3").neverSays("history logs")
	u.ownLeavesNothing()
	slow := dockerfile(t, "FROM BASE", "RUN echo begun-$((40+2)) && sleep 600")
	for _, stage := range []string{"runs on node", "answers", "begun-42"} {
		r := u.begin(u.ownFlags(reg, slow)...)
		r.until(stage)
		r.interrupt()
		u.ownLeavesNothing()
	}
	u.buildkit("build", "--ephemeral", "--builder", "other", slow).exits(3).says("other")
	u.kubectl("create", "serviceaccount", "poor").ok()
	u.kubectl("create", "role", "poor", "--verb=get,list,watch", "--resource=pods,configmaps,secrets").ok()
	u.kubectl("create", "rolebinding", "poor", "--role", "poor", "--serviceaccount", u.namespace+":poor").ok()
	u.as(t, "poor").buildkit(u.ownFlags(reg, slow)...).exits(4).says("may not")
	u.kubectl("delete", "role,rolebinding,serviceaccount", "poor").ok()
	u.ownLeavesNothing()
}

// The cluster removes the builder of a client that was killed.
func TestEphemeralOfAKilledClient(t *testing.T) {
	t.Parallel()
	u, reg := newUser(t), openRegistry(t)
	r := u.begin(u.ownFlags(reg, dockerfile(t, "FROM BASE", "RUN echo begun-$((40+2)) && sleep 600"))...)
	r.until("begun-42")
	r.kill()
	if u.kubectl("get", "jobs", "-o", "name").ok().stdout == "" {
		t.Error("the Job is missing")
	}
	u.ownLeavesNothing()
}
