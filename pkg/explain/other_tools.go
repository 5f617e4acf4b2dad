package explain

import "strings"

// Translation answers a word of docker, buildctl or kubectl with this program's.
type Translation struct {
	// Command is where the word was typed, e.g. "" for the root, or "history list"; "*" is every
	// command.
	Command string
	// Words are the names of a command, or flags with their dashes.
	Words []string
	// Reason completes "unknown command "x": …".
	Reason string
	// Next is a command that can be pasted; it changes nothing without being asked.
	Next string
}

// Translations is the only table of other programs' words. A word that this program has is not in
// it.
func Translations() []Translation {
	const run = "kubectl buildkit "
	return []Translation{
		{"", []string{"create", "bootstrap", "apply", "deploy", "init"}, "install makes a builder", run + "install"},
		{"", []string{"update", "upgrade", "set", "edit", "patch", "scale"}, "install changes a builder that is there", run + "install --help"},
		{"", []string{"use"}, "the plugin has no current builder; --builder and -n name one", run + "list -A"},
		{"", []string{"inspect", "describe", "status", "show"}, "info shows a builder", run + "info"},
		{"", []string{"get", "builders"}, "list shows the builders", run + "list"},
		{"", []string{"rm", "remove", "delete", "stop", "destroy"}, "uninstall removes a builder", run + "uninstall --help"},
		{"", []string{"bake"}, "docker buildx has it, and can use this builder through proxy", run + "proxy --help"},
		{"", []string{"imagetools", "manifest"}, "it works on a registry and needs no builder: docker buildx imagetools", run + "build --help"},
		{"", []string{"context", "contexts"}, "the contexts are kubectl's: --context names one", "kubectl config get-contexts"},
		{"", []string{"exec", "attach", "sh", "shell"}, "kubectl has it, for the Pods that info names", run + "info"},
		{"", []string{"push", "tag"}, "build names and pushes the image: --tag and --push", run + "build --help"},
		{"", []string{"pull"}, "build pulls base images by itself; --pull looks for newer ones", run + "build --help"},
		{"", []string{"save", "export", "load"}, "build writes the image: --output type=docker,dest=FILE, or --load", run + "build --help"},
		{"", []string{"image", "images", "ps", "builds"}, "history lists what was built; images are in the registry they were pushed to", run + "history list"},
		{"", []string{"run", "start"}, "kubectl runs images: kubectl run", run + "build --help"},
		{"", []string{"df", "system", "cache", "disk-usage"}, "du shows the cache", run + "du"},
		{"", []string{"check", "debug", "diagnose"}, "doctor checks what a build needs; build --check checks a Dockerfile", run + "doctor"},
		{"", []string{"buildx", "buildkit"}, "leave it out: build is a command of its own", run + "build --help"},
		{"", []string{"--version", "-v", "-V"}, "version is a command", run + "version"},
		{"version", []string{"--client", "--short"}, "version prints one line about this program, and asks no cluster", run + "version"},
		{"login", []string{"--password", "-p"}, "others may see the command line of a process; the password is read from standard input", run + "login --help"},
		{"list", []string{"--watch", "-w", "--selector", "-l"}, "kubectl has it, for the builders' Pods",
			"kubectl get pods -l app.kubernetes.io/managed-by=kubectl-buildkit"},
		{"list", []string{"--no-trunc", "--quiet", "-q"}, "-o prints more or less", run + "list -o name"},
		{"list", []string{"--all", "-a"}, "-A lists all namespaces", run + "list -A"},
		{"history list", []string{"--json"}, "--output chooses how to print", run + "history list -o json"},
		{"history inspect", []string{"--json"}, "--output chooses how to print", run + "history inspect -o json"},
		{"history list", []string{"--all-namespaces", "-A"}, "-n chooses the namespace; the builders of all are in", run + "list -A"},
		{"history logs", []string{"--follow", "-f"}, "the log of a build that runs is followed to its end anyway", run + "history logs"},
		{"history", []string{"open", "trace", "view"}, "report draws a build", run + "history report --help"},
		{"history", []string{"show", "describe", "get"}, "inspect shows a build", run + "history inspect"},
		{"history", []string{"remove", "delete", "prune"}, "rm removes records", run + "history rm --help"},
		{"history", []string{"import"}, "records can be exported only", run + "history export --help"},
		{"install", []string{"--name"}, "the name is the argument, or --builder", run + "install --help"},
		{"install", []string{"--driver", "--use", "--bootstrap", "--node", "--append"}, "a builder is in Kubernetes, started at once, and has no current one", run + "install --help"},
		{"install", []string{"--driver-opt", "--buildkitd-flags", "--buildkitd-config"},
			"install has a flag for each: --image, --replicas, --request, --limit, --node-selector, --config", run + "install --help"},
		{"build", []string{"--file-name", "--dockerfile"}, "it is --file", run + "build --help"},
		{"build", []string{"--destination", "--image", "--name"}, "it is --tag, with --push", run + "build --help"},
		{"build", []string{"--no-push"}, "nothing is pushed without --push", run + "build --help"},
		{"build", []string{"--cpus"}, "it is --resource cpu-quota=…", run + "build --help"},
		{"build", []string{"--volume", "-v"}, "a step mounts what the Dockerfile says: RUN --mount", run + "build --help"},
		{"logs", []string{"--all-containers", "--container", "-c"}, "the daemon has one container", run + "logs"},
	}
}

// Translate finds the answer to a word typed at a command, e.g. "history list".
func Translate(command, word string) (Translation, bool) {
	for _, row := range Translations() {
		if row.Command != command {
			continue
		}
		for _, known := range row.Words {
			if known == word || len(word) > 1 && strings.EqualFold(known, word) && !strings.HasPrefix(word, "-") {
				return row, true
			}
		}
	}
	return Translation{}, false
}
