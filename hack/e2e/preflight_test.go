package e2e_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"
)

// preflightLimit excludes a refusal that came after the step, which takes twenty seconds.
const preflightLimit = 15 * time.Second

// A wrong password costs a moment, and not the build before the push.
func TestPreflight(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM BASE", "RUN echo a step ran; sleep 20")
	for name, reg := range map[string]registry{"token": tokenRegistry(t), "basic": basicRegistry(t)} {
		t.Run(name, func(t *testing.T) {
			u := u.in(t)
			u.dockerConfig(auths(reg.host, reg.user, "wrong-"+reg.password))
			u.isRefused(reg, "wrong", context).within(preflightLimit).neverSays("a step ran", reg.password).says("--preflight=false", reg.user)
			u.dockerConfig(map[string]any{})
			u.isRefused(reg, "none", context).within(preflightLimit).neverSays("a step ran").says("no credentials")
		})
	}
	t.Run("reader", func(t *testing.T) {
		u := u.in(t)
		reg := tokenRegistry(t)
		u.dockerConfig(auths(reg.host, reg.user, reg.password))
		u.pushes(reg, "there", dockerfile(t, "FROM scratch", "COPY Dockerfile /")) // a new repository is asked for no push
		u.dockerConfig(auths(reg.host, need(t, "E2E_REGISTRY_READER"), need(t, "E2E_REGISTRY_READER_PASSWORD")))
		u.isRefused(reg, "reader", context).within(preflightLimit).neverSays("a step ran")
	})
	t.Run("second tag", func(t *testing.T) {
		u := u.in(t)
		reg := basicRegistry(t)
		u.dockerConfig(map[string]any{})
		open := openRegistry(t)
		u.buildkit("build", "-t", open.name(u)+":1", "-t", reg.name(u)+":1", "--push", context).exits(4).says(reg.host).within(preflightLimit)
	})
	t.Run("off", func(t *testing.T) {
		u := u.in(t)
		reg := tokenRegistry(t)
		u.dockerConfig(auths(reg.host, reg.user, "wrong"))
		short := dockerfile(t, "FROM BASE", "RUN echo a step ran")
		u.buildkit("build", "-t", reg.name(u)+":off", "--push", "--preflight=false", "--progress=plain", short).exits(4).
			says("a step ran", reg.host).neverSays("--preflight=false builds")
	})
	t.Run("before an install", func(t *testing.T) {
		v, reg := newUser(t), tokenRegistry(t)
		v.dockerConfig(map[string]any{})
		v.env["SSL_CERT_FILE"] = need(t, "E2E_REGISTRY_CA")
		v.buildkit("build", "-t", reg.name(v)+":1", "--push", context).exits(4).says(reg.host)
		v.eventuallyGone()
		v.leavesNothing()
	})
}

// A registry that only the builder reaches does not refuse a build.
func TestPreflightOfAFarRegistry(t *testing.T) {
	u, reg := newUser(t), basicRegistry(t)
	u.builder()
	u.dockerConfig(auths(reg.host, reg.user, reg.password))
	server, err := url.Parse(u.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}").ok().stdout)
	if err != nil {
		t.Fatal(err)
	}
	u.env["HTTPS_PROXY"], u.env["NO_PROXY"] = "http://127.0.0.1:1", server.Host
	u.pushes(reg, "far", dockerfile(t, "FROM scratch", "COPY Dockerfile /"))
}

// The CA comes from the builder: here the system trusts no CA.
func TestPreflightTrustsTheBuildersCA(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.builder()
	u.env["SSL_CERT_FILE"], u.env["SSL_CERT_DIR"] = filepath.Join(u.home, "none.pem"), u.home
	write(t, u.env["SSL_CERT_FILE"], "")
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.dockerConfig(auths(reg.host, reg.user, reg.password))
	u.pushes(reg, "trusted", context)
	u.dockerConfig(auths(reg.host, reg.user, "wrong"))
	u.isRefused(reg, "wrong", dockerfile(t, "FROM BASE", "RUN echo a step ran")).says("--preflight=false").neverSays("a step ran")
}

// A registry with passwords and without TLS: what install was told counts for the client too.
func TestPreflightWithoutTLS(t *testing.T) {
	u := newUser(t)
	reg := behindFront(t, basicRegistry(t), func(w http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(w, r) })
	context := dockerfile(t, "FROM BASE", "RUN echo a step ran; sleep 20")
	u.builder("--insecure-registry", reg.host)
	u.login("wrong", reg.host, "-u", reg.user, "--insecure").exits(4).says(reg.host)
	u.dockerConfig(auths(reg.host, reg.user, "wrong"))
	u.isRefused(reg, "wrong", context).within(preflightLimit).neverSays("a step ran")
	u.login(reg.password, reg.host, "-u", reg.user, "--insecure").ok()
	u.pushes(reg, "right", dockerfile(t, "FROM scratch", "COPY Dockerfile /"))
}
