package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"testing"
)

// A value that is in the cluster already needs no copy on the user's disk.
func TestSecretOfTheCluster(t *testing.T) {
	u := newUser(t)
	u.builder()
	const value = "s3cret of the team"
	u.kubectl("create", "secret", "generic", "npm", "--from-literal=token="+value).ok()
	write(t, filepath.Join(u.home, "file"), "from a file")
	context := dockerfile(t, "FROM BASE",
		`RUN --mount=type=secret,id=npm --mount=type=secret,id=file [ "$(cat /run/secrets/npm)" = "`+value+`" ] && [ "$(cat /run/secrets/file)" = "from a file" ]`)
	build := func(secret string) call {
		return u.buildkit("build", "--no-cache", "--secret", secret, "--secret", "id=file,src="+filepath.Join(u.home, "file"), "-o", "type=cacheonly", context)
	}
	build("id=npm,k8s=npm/token").ok()
	build("id=npm,k8s=npm/absent").exits(2).says("--secret", "npm", `"absent"`, "token", u.namespace)
	build("id=npm,k8s=absent/token").exits(2).says("--secret", `"absent"`, u.namespace, "kubectl get secrets")
	build("id=npm,k8s=npm").exits(2).says("--secret", "SECRET/KEY")

	u.kubectl("create", "serviceaccount", "bound").ok()
	u.kubectl("create", "rolebinding", "bound", "--role", "buildkitd-user", "--serviceaccount", u.namespace+":bound").ok()
	u.as(t, "bound").buildkit("build", "--secret", "id=npm,k8s=npm/token", context).exits(4).
		says("--secret", "may not get secrets", `"npm"`, "kubectl auth can-i get secrets/npm -n "+u.namespace)
}

// Credentials that the cluster keeps for its nodes serve builds as well, without any docker config.
func TestRegistryCredentialsOfTheCluster(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.builder()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /")
	u.kubectl("create", "secret", "docker-registry", "pull", "--docker-server", reg.host, "--docker-username", reg.user, "--docker-password", reg.password).ok()
	u.kubectl("create", "secret", "docker-registry", "wrong", "--docker-server", reg.host, "--docker-username", reg.user, "--docker-password", "wrong-Password").ok()
	u.kubectl("create", "secret", "generic", "opaque", "--from-literal=.dockerconfigjson=x").ok()
	u.legacySecret("old", reg)
	u.kubectl("create", "serviceaccount", "puller").ok()
	u.kubectl("create", "serviceaccount", "stranger").ok()
	u.kubectl("patch", "serviceaccount", "puller", "-p", `{"imagePullSecrets":[{"name":"pull"}]}`).ok()

	build := func(tag string, flags ...string) call {
		args := append([]string{"build", "-t", reg.name(u) + ":" + tag, "--push", context}, flags...)
		return u.buildkit(args...)
	}
	build("secret", "--registry-secret", "pull").ok().neverSays(reg.password)
	build("old", "--registry-secret", "old").ok()
	build("account", "--registry-service-account", "puller").ok()
	u.dockerConfig(auths(reg.host, reg.user, "wrong"))
	build("wins", "--registry-secret", "pull").ok()
	build("first", "--registry-secret", "pull", "--registry-secret", "wrong").ok()
	u.kubectl("patch", "serviceaccount", "puller", "-p", `{"imagePullSecrets":[{"name":"gone"},{"name":"pull"}]}`).ok()
	build("some", "--registry-service-account", "puller").ok().says("warning: ", `"gone"`)
	build("wrong", "--registry-secret", "wrong").exits(4).says(`Secret "wrong"`, u.namespace).neverSays("wrong-Password")
	u.dockerConfig(auths(reg.host, reg.user, reg.password)) // what is refused gives way to the next source
	build("next", "--registry-secret", "wrong").ok()

	build("x", "--registry-secret", "absent").exits(2).says("--registry-secret", `"absent"`, u.namespace)
	build("x", "--registry-secret", "opaque").exits(2).says("--registry-secret", "Opaque", "kubectl create secret docker-registry")
	build("x", "--registry-service-account", "stranger").exits(2).says("--registry-service-account", "imagePullSecrets")
	build("x", "--registry-service-account", "absent").exits(2).says("ServiceAccount", `"absent"`)
	u.kubectl("create", "rolebinding", "stranger", "--role", "buildkitd-user", "--serviceaccount", u.namespace+":stranger").ok()
	u.as(t, "stranger").buildkit("build", "--registry-secret", "pull", context).exits(4).says("may not get secrets", `"pull"`)
	u.as(t, "stranger").buildkit("build", "--registry-service-account", "puller", context).exits(4).says("may not get serviceaccounts")
}

// legacySecret makes a Secret of the type that clusters had before dockerconfigjson.
func (u *user) legacySecret(name string, reg registry) {
	u.t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(reg.user + ":" + reg.password))
	config, err := json.Marshal(map[string]any{"https://" + reg.host + "/v1/": map[string]any{"auth": auth}})
	if err != nil {
		u.t.Fatal(err)
	}
	secret, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name},
		"type": "kubernetes.io/dockercfg", "data": map[string]any{".dockercfg": config},
	})
	if err != nil {
		u.t.Fatal(err)
	}
	u.kubectlIn("", secret, "create", "-f", "-").ok()
}
