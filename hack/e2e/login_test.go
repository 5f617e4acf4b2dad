package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// login runs the command with the password on standard input.
func (u *user) login(password string, args ...string) call {
	u.t.Helper()
	return u.kubectlIn("", []byte(password+"\n"), append([]string{"buildkit", "login", "--password-stdin"}, args...)...)
}

// configFile is where the user's docker config is.
func (u *user) configFile() string { return filepath.Join(u.env["DOCKER_CONFIG"], "config.json") }

// storedConfig is what the docker config holds now.
func (u *user) storedConfig() (text string, fields map[string]any) {
	u.t.Helper()
	raw, err := os.ReadFile(u.configFile())
	if err != nil {
		u.t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		u.t.Fatalf("%v\n%s", err, raw)
	}
	return string(raw), fields
}

// With no docker on the machine: log in, push, log out, and the push is refused.
func TestLoginPushLogout(t *testing.T) {
	u := newUser(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	for name, reg := range map[string]registry{"token": tokenRegistry(t), "basic": basicRegistry(t)} {
		t.Run(name, func(t *testing.T) {
			u := u.in(t)
			in := u.login(reg.password, reg.host, "-u", reg.user, "--registry-ca", need(t, "E2E_REGISTRY_CA")).ok()
			in.says("unencrypted", u.configFile()).neverSays(reg.password)
			if in.line1() != "Login Succeeded" {
				t.Errorf("printed %q", in.stdout)
			}
			if info, err := os.Stat(u.configFile()); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the docker config is %v, %v", info, err)
			}
			u.pushes(reg, "login", context)
			u.buildkit("logout", reg.host).ok()
			u.buildkit("logout", reg.host).ok().says("not logged in")
			u.isRefused(reg, "logout", context).says("kubectl buildkit login " + reg.host)
		})
	}
}

func TestLoginRefused(t *testing.T) {
	u := newUser(t)
	for name, reg := range map[string]registry{"token": tokenRegistry(t), "basic": basicRegistry(t)} {
		t.Run(name, func(t *testing.T) {
			u := u.in(t)
			ca := need(t, "E2E_REGISTRY_CA")
			u.login("wrong-Password", reg.host, "-u", reg.user, "--registry-ca", ca).exits(4).says(reg.host, reg.user, "next:").neverSays("wrong-Password")
			u.login(reg.password, reg.host, "-u", reg.user).exits(1).says("unknown authority", "--registry-ca").neverSays(reg.password)
		})
	}
	u.login("p", need(t, "E2E_REGISTRY"), "-u", "me").exits(1).says("HTTP", "--insecure")
	u.login("p", "127.0.0.1:1", "-u", "me").exits(1).says("127.0.0.1:1", "next:")
	u.login("", "r.example", "-u", "me").exits(2).says("--password-stdin", "empty")
	u.login("p", "r.example").exits(2).says("--username")
	u.login("p", "r.example/team", "-u", "me").exits(2).says(`"r.example"`)
	u.login("p", "r.example", "-u", "a:b").exits(2).says("--username", "colon")
	u.buildkit("login", "r.example", "-u", "me").exits(2).says("no terminal", "--password-stdin")
	if _, err := os.Stat(u.configFile()); !os.IsNotExist(err) {
		t.Errorf("a refused login stored something: %v", err)
	}
}

// What a user has in the docker config besides stays, and where it names a store, that gets the password.
func TestLoginKeepsTheDockerConfig(t *testing.T) {
	u, reg := newUser(t), basicRegistry(t)
	config := auths("other.example", "me", "mine")
	config["psFormat"] = "table"
	config["credHelpers"] = map[string]any{reg.host: "kept"}
	u.dockerConfig(config)
	u.keeper("kept")
	u.login(reg.password, reg.host, "-u", reg.user, "--registry-ca", need(t, "E2E_REGISTRY_CA")).ok().neverSays("unencrypted")
	text, fields := u.storedConfig()
	if strings.Contains(text, reg.password) || fields["psFormat"] != "table" || fields["auths"].(map[string]any)["other.example"] == nil {
		t.Errorf("the docker config is\n%s", text)
	}
	u.builder()
	u.pushes(reg, "kept", dockerfile(t, "FROM scratch", "COPY Dockerfile /"))
	u.buildkit("logout", reg.host).ok()
	u.isRefused(reg, "erased", dockerfile(t, "FROM scratch", "COPY Dockerfile /"))

	u.dockerConfig(map[string]any{"credsStore": "missing"})
	u.login(reg.password, reg.host, "-u", reg.user, "--registry-ca", need(t, "E2E_REGISTRY_CA")).exits(1).
		says("docker-credential-missing", "credsStore").neverSays(reg.password)
}

// A registry with plain HTTP needs a word for it.
func TestLoginInsecure(t *testing.T) {
	u := newUser(t)
	host := need(t, "E2E_REGISTRY")
	u.login("any", host, "-u", "tenancy/me", "--insecure").ok().says("could not be checked")
	if text, _ := u.storedConfig(); !strings.Contains(text, host) {
		t.Errorf("the docker config is\n%s", text)
	}
}

// keeper puts a docker-credential-NAME on the user's PATH that keeps one secret in a file.
func (u *user) keeper(name string) {
	u.t.Helper()
	u.helper(name, map[string]string{})
	script := `#!/bin/sh
kept='` + filepath.Join(u.home, "kept-"+name) + `'
case "$1" in
store) cat >"$kept" ;;
get) cat >/dev/null; [ -f "$kept" ] && cat "$kept" && exit 0; echo "credentials not found in native keychain"; exit 1 ;;
erase) cat >/dev/null; rm -f "$kept" ;;
esac
`
	if err := os.WriteFile(filepath.Join(u.home, "bin", "docker-credential-"+name), []byte(script), 0o755); err != nil {
		u.t.Fatal(err)
	}
}
