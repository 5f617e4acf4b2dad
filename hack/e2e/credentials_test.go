package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The CA is given once, at install; the credentials are the user's own docker config, in all its forms.
func TestPrivateRegistry(t *testing.T) {
	u := newUser(t)
	u.builder()
	for name, reg := range map[string]registry{"token": tokenRegistry(t), "basic": basicRegistry(t)} {
		t.Run(name, func(t *testing.T) {
			u := u.in(t)
			context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
			t.Run("auths", func(t *testing.T) {
				u := u.in(t)
				u.dockerConfig(auths(reg.host, reg.user, reg.password))
				u.pushes(reg, "auths", context)
			})
			t.Run("credential helper", func(t *testing.T) {
				u := u.in(t)
				u.helper("cluster", map[string]string{"ServerURL": reg.host, "Username": reg.user, "Secret": reg.password})
				u.dockerConfig(map[string]any{"credHelpers": map[string]any{reg.host: "cluster"}})
				u.pushes(reg, "helper", context)
			})
			t.Run("credentials store", func(t *testing.T) {
				u := u.in(t)
				u.helper("store", map[string]string{"ServerURL": reg.host, "Username": reg.user, "Secret": reg.password})
				u.dockerConfig(map[string]any{"credsStore": "store"})
				u.pushes(reg, "store", context)
			})
			t.Run("helper missing for another registry", func(t *testing.T) {
				u := u.in(t)
				config := auths(reg.host, reg.user, reg.password)
				config["credHelpers"] = map[string]any{"elsewhere.example": "missing"}
				u.dockerConfig(config)
				u.pushes(reg, "other", context)
			})
			t.Run("helper missing", func(t *testing.T) {
				u := u.in(t)
				u.dockerConfig(map[string]any{"credHelpers": map[string]any{reg.host: "missing"}})
				u.isRefused(reg, "lost", context).says("docker-credential-missing")
			})
			t.Run("wrong password", func(t *testing.T) {
				u := u.in(t)
				u.dockerConfig(auths(reg.host, reg.user, "wrong-"+reg.password))
				u.isRefused(reg, "wrong", context).neverSays(reg.password)
			})
			t.Run("no credentials", func(t *testing.T) {
				u := u.in(t)
				u.dockerConfig(map[string]any{})
				u.isRefused(reg, "none", context).says("kubectl buildkit login " + reg.host)
			})
		})
	}
}

func TestReaderMayNotPush(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.builder()
	u.dockerConfig(auths(reg.host, need(t, "E2E_REGISTRY_READER"), need(t, "E2E_REGISTRY_READER_PASSWORD")))
	u.isRefused(reg, "reader", dockerfile(t, "FROM scratch", "COPY Dockerfile /"))
}

// A docker config that cannot be read stops no build that needs no registry, and is named where one is needed.
func TestBrokenDockerConfig(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.builder()
	path := filepath.Join(u.mkdir(".docker"), "config.json")
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	write(t, path, `{"auths": {`)
	u.buildkit("build", "-o", filepath.Join(u.home, "out"), context).ok().says("warning: ", path)
	u.isRefused(reg, "broken", context).says("fix " + path)
	u.env["DOCKER_AUTH_CONFIG"] = "not json"
	u.buildkit("build", "-o", filepath.Join(u.home, "out"), context).ok().says("warning: ", "DOCKER_AUTH_CONFIG")
}

// What the registry refuses gives way to the next source, and the path decides between credentials of one Secret.
func TestOrderOfCredentials(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	config := func(key, user, password string) string {
		text, err := json.Marshal(auths(key, user, password))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	u.env["DOCKER_AUTH_CONFIG"] = config(reg.host, need(t, "E2E_REGISTRY_READER"), need(t, "E2E_REGISTRY_READER_PASSWORD"))
	u.isRefused(reg, "env", context).says("DOCKER_AUTH_CONFIG").neverSays("kubectl buildkit login")
	u.dockerConfig(auths(reg.host, reg.user, reg.password))
	u.pushes(reg, "next", context)
	u.dockerConfig(map[string]any{})
	repository := strings.TrimPrefix(reg.name(u), reg.host+"/")
	dir := u.mkdir(filepath.Join(".docker", "buildx", "config", reg.host, repository+"@push"))
	write(t, filepath.Join(dir, "config.json"), config(reg.host, reg.user, reg.password))
	u.pushes(reg, "scoped", context)
}

func (u *user) pushes(reg registry, tag, context string) {
	u.t.Helper()
	reference := reg.name(u) + ":" + tag
	built := u.buildkit("build", "-t", reference, "--push", context).ok()
	if want := reference + "@" + reg.digest(reference); built.line1() != want {
		u.t.Errorf("printed %q, the registry has %q", built.line1(), want)
	}
	built.neverSays(reg.password)
}

func (u *user) isRefused(reg registry, tag, context string) call {
	u.t.Helper()
	reference := reg.name(u) + ":" + tag
	refused := u.buildkit("build", "-t", reference, "--push", context).exits(4).says(reg.host)
	if refused.stdout != "" {
		u.t.Errorf("a refused push printed an answer\n%s", refused.all())
	}
	if digest := reg.digest(reference); digest != "" {
		u.t.Errorf("a refused push left %s", digest)
	}
	return refused
}

// helper puts a docker-credential-NAME on the user's PATH that answers `get` for one server.
func (u *user) helper(name string, answer map[string]string) {
	u.t.Helper()
	raw, err := json.Marshal(answer)
	if err != nil {
		u.t.Fatal(err)
	}
	dir := u.mkdir("bin")
	script := `#!/bin/sh
[ "$1" = get ] || exit 0
read -r host
if [ "$host" = '` + answer["ServerURL"] + `' ]; then cat <<'END'
` + string(raw) + `
END
else
  echo "credentials not found in native keychain"
  exit 1
fi
`
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte(script), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if u.env["PATH"][:len(dir)] != dir {
		u.env["PATH"] = dir + ":" + u.env["PATH"]
	}
}
