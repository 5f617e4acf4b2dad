package e2e_test

import (
	"path/filepath"
	"testing"
)

// The Role that install makes is all that a user who builds needs, and it opens nothing else.
func TestPermissions(t *testing.T) {
	u := newUser(t)
	u.builder()
	u.kubectl("create", "serviceaccount", "bound").ok()
	u.kubectl("create", "serviceaccount", "unbound").ok()
	u.kubectl("create", "rolebinding", "bound", "--role", "buildkitd-user", "--serviceaccount", u.namespace+":bound").ok()
	u.kubectl("run", "neighbour", "--image", need(t, "E2E_BASE_IMAGE"), "--restart=Never", "--", "sleep", "600").ok()
	context := dockerfile(t, "FROM BASE", "RUN echo hello")

	t.Run("bound builds", func(t *testing.T) {
		v := u.as(t, "bound")
		v.buildkit("build", "-o", "type=cacheonly", context).ok()
		v.buildkit("info").ok()
	})
	t.Run("bound reaches nothing else", func(t *testing.T) {
		v := u.as(t, "bound")
		for _, args := range [][]string{
			{"get", "pods/portforward", "neighbour"}, {"create", "pods/portforward", "neighbour"}, {"create", "pods/exec", "buildkitd"},
			{"get", "secret", "buildkitd-server"}, {"list", "secrets"}, {"create", "pods"}, {"delete", "pod", "buildkitd"},
		} {
			verb, resource, rest := args[0], args[1], args[2:]
			check := append([]string{"auth", "can-i", verb, resource}, rest...)
			if resource == "pods/portforward" || resource == "pods/exec" {
				check = []string{"auth", "can-i", verb, "pod/" + rest[0], "--subresource", resource[len("pods/"):]}
			}
			if c := v.kubectl(check...); c.code == 0 {
				t.Errorf("a user with the Role may %v", args)
			}
		}
	})
	t.Run("unbound is told what lacks", func(t *testing.T) {
		v := u.as(t, "unbound")
		v.buildkit("build", context).exits(4).says("get", "secrets", "buildkitd-client", u.namespace, "buildkitd-user")
		v.buildkit("install").exits(4).says("may not", "kubectl auth can-i")
		v.buildkit("list").exits(4).says("list", u.namespace)
		v.buildkit("uninstall").exits(4)
	})
	t.Run("no portforward", func(t *testing.T) {
		u := u.in(t)
		u.kubectl("create", "serviceaccount", "reader").ok()
		u.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods,secrets").ok()
		u.kubectl("create", "rolebinding", "reader", "--role", "reader", "--serviceaccount", u.namespace+":reader").ok()
		u.as(t, "reader").buildkit("build", context).exits(4).says("pods/portforward", "buildkitd-user")
	})
}

// as is the same user with the token of a ServiceAccount and nothing else in the kubeconfig.
func (u *user) as(t *testing.T, account string) *user {
	t.Helper()
	v := u.in(t)
	token := u.kubectl("create", "token", account).ok().line1()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	raw := u.kubectl("config", "view", "--raw", "--minify", "--flatten").ok().stdout
	write(t, path, raw)
	v.env["KUBECONFIG"] = path
	v.kubectl("config", "set-credentials", "token", "--token", token).ok()
	v.kubectl("config", "set-context", "--current", "--user", "token").ok()
	return v
}
