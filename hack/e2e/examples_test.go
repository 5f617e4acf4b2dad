package e2e_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every example of every help text is pasted into a shell, in the order of the commands' names, in a directory with a
// Dockerfile. adaptations say what this cluster has in place of what they name; nothing is left out.
func TestExamplesOfEveryHelpText(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	dir := u.exampleFolder()
	u.builder()
	u.builder("team")
	u.kubectlIn(dir, nil, "buildkit", "build", "--trace", "build.jsonl", "-o", "type=cacheonly", ".").ok()
	pairs := adaptations(t, u)
	used := map[string]bool{}
	replacer := strings.NewReplacer(pairs...)
	commands := append([]string{""}, u.commands("")...)
	slices.Sort(commands) // help groups them, which would put uninstall before du
	for _, command := range commands {
		for _, example := range examples(u.buildkit(append(strings.Fields(command), "--help")...).ok().stdout) {
			for i := 0; i < len(pairs); i += 2 {
				used[pairs[i]] = used[pairs[i]] || strings.Contains(example, pairs[i])
			}
			if c := u.run(dir, nil, "bash", "-euo", "pipefail", "-c", replacer.Replace(example)); c.code != 0 {
				t.Errorf("an example of kubectl buildkit %s fails:\n%s\n%s", command, example, c.all())
			}
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if !used[pairs[i]] {
			t.Errorf("no example has %q: remove its adaptation", pairs[i])
		}
	}
}

// adaptations are pairs of what an example says and what is run instead; of two that begin alike the longer comes first.
func adaptations(t *testing.T, u *user) []string {
	t.Helper()
	open, token, basic := openRegistry(t), tokenRegistry(t), basicRegistry(t)
	u.env["TOKEN"] = basic.password
	git := newGitServer(t)
	u.env["GIT_TOKEN"] = git.token
	// No terminal can be asked for a password, and the registries' CA is private.
	login := " -u " + basic.user + ` --password-stdin --registry-ca ca.pem <<<"$TOKEN"`
	return []string{
		"login registry.example.com\n", "login " + basic.host + login + "\n",
		"login registry.local:5000 --registry-ca ca.pem\n", "login " + token.host + login + "\n",
		"login iad.ocir.io -u mytenancy/me@example.com", "login " + token.host + " -u " + token.user + " --registry-ca ca.pem",
		"logout registry.example.com", "logout " + basic.host,
		"doctor --registry registry.example.com", "doctor --registry " + open.host,
		"registry.example.com/", open.host + "/" + u.namespace + "/",
		"kubectl buildkit install\n", "kubectl buildkit install --registry-ca ca.pem --insecure-registry " + open.host + "\n",
		"--insecure-registry registry.local:5000", "--insecure-registry " + open.host,
		// The cache of the Pod goes with each change, and without a terminal none is asked.
		"docker.io=mirror.local:5000\n", "docker.io=mirror.local:5000 --yes\n",
		"--limit memory=16Gi\n", "--limit memory=16Gi --yes\n",
		"--unset insecure-registry=registry.local:5000\n", "--unset insecure-registry=" + open.host + " --dry-run=server\n",
		"env=TOKEN https://git.example.com/team/app.git#main", "env=GIT_TOKEN http://" + git.http + "/private/words.git#main:sub",
		// No node has so much to give, nor the label; and the cluster has no provisioner of volumes.
		"--node-selector disk=ssd\n", "--node-selector disk=ssd --dry-run=server\n",
		"--storage 50Gi\n", "--storage 50Gi --dry-run=client\n",
		// Tests of their own replace the members: TestBuilderOfATeam, TestMetrics, TestUpgrade.
		"topology.kubernetes.io/zone\n", "topology.kubernetes.io/zone --dry-run=server\n",
		"--patch patch.yaml\n", "--patch patch.yaml --dry-run=server\n",
		"install --metrics\n", "install --metrics --dry-run=server\n",
		"install --rotate\n", "install --rotate --dry-run=server\n",
		// References are the daemon's to choose.
		"history rm k3yb0", "history rm $(kubectl buildkit history list --quiet | head -n 1)",
		"'FROM alpine'", "'FROM " + need(t, "E2E_BASE_IMAGE") + "'",
		// No user agrees, presses Ctrl-C, or asks a daemon that was restarted.
		"prune\n", "prune --force\n",
		"--filter type=exec.cachemount --verbose\n", "--filter type=exec.cachemount --verbose --force\n",
		"logs -f --since 1s", "logs --since 1s",
		"logs --previous", "logs --tail 1",
		// TestProxy has docker buildx and a socket made of dial-stdio.
		"docker buildx create --name cluster --driver remote unix://$HOME/.buildkit.sock\n", "kill $! && wait\n",
		"docker buildx bake --builder cluster --push\n", "true\n",
		`socat UNIX-LISTEN:$HOME/.buildkit.sock,fork,mode=600 EXEC:"ssh jump kubectl buildkit dial-stdio"`, "true",
		"buildctl --addr unix://$HOME/.buildkit.sock debug workers\n", "true\n",
		// This machine is not for the tests to change.
		"sudo tee /usr/local/bin/", "tee $HOME/bin/",
		"sudo chmod +x /usr/local/bin/", "chmod +x $HOME/bin/",
	}
}

// exampleFolder has what the examples name: Dockerfiles with their stages and arguments, a patch and a CA.
func (u *user) exampleFolder() string {
	u.t.Helper()
	dir := u.mkdir("app")
	u.mkdir("app/build")
	u.mkdir("bin")
	u.mkdir(".krew/bin")
	text := "FROM " + need(u.t, "E2E_BASE_IMAGE") + " AS release\nARG VERSION\nRUN echo $VERSION >/version\n"
	write(u.t, filepath.Join(dir, "Dockerfile"), text)
	write(u.t, filepath.Join(dir, "build", "Dockerfile"), text)
	write(u.t, filepath.Join(dir, "patch.yaml"), "kind: Pod\nspec: {hostUsers: false}\n")
	u.run(dir, nil, "cp", need(u.t, "E2E_REGISTRY_CA"), "ca.pem").ok()
	return dir
}

// commands are all commands below one, as help lists them, e.g. "history inspect".
func (u *user) commands(above string) []string {
	u.t.Helper()
	help := u.buildkit(append(strings.Fields(above), "--help")...).ok().stdout
	var names []string
	for _, section := range strings.Split(help, "\n\n") {
		heading, list, _ := strings.Cut(section, "\n")
		if !strings.HasSuffix(heading, " Commands:") {
			continue
		}
		for line := range strings.Lines(list) {
			name := strings.TrimSpace(above + " " + strings.Fields(line)[0])
			names = append(append(names, name), u.commands(name)...)
		}
	}
	return names
}

// examples are the parts of a help text's section of that name, between blank lines.
func examples(help string) []string {
	_, section, found := strings.Cut(help, "Examples:\n")
	if !found {
		return nil
	}
	if end := regexp.MustCompile(`(?m)^\S`).FindStringIndex(section); end != nil {
		section = section[:end[0]]
	}
	var list []string
	for part := range strings.SplitSeq(section, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part+"\n")
		}
	}
	return list
}
