package cmd

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// pasteable adds to the commands of a next step what the command line that failed has chosen: pasted without that, they
// would change a builder of the current context, of another namespace, or of the default name. Who asked (--as) is left
// out, since the step may be another user's.
func (f *factory) pasteable(next string) string {
	chosen := f.chosenCluster()
	if slices.ContainsFunc(chosen, func(flag [2]string) bool { return strings.Contains(next, flag[0]) }) {
		return next // it is the command line itself
	}
	// kubectl takes no flags before the name of a plugin.
	command := regexp.MustCompile(`\bkubectl( buildkit)? ([^;,:()]|[;,:()][^ ])*`)
	return command.ReplaceAllStringFunc(next, func(text string) string {
		words := strings.SplitN(text, " ", 2)
		program, rest := words[0], words[1]
		plugin, isPlugin := strings.CutPrefix(rest+" ", "buildkit ")
		if isPlugin {
			program, rest = program+" buildkit", strings.TrimSuffix(plugin, " ")
		}
		for _, flag := range chosen {
			program += " " + flag[0] + " " + explain.Quote(flag[1])
		}
		if isPlugin {
			rest = f.inThisNamespace(rest)
		}
		return program + " " + rest
	})
}

// chosenCluster returns the flags that chose the cluster, with their values.
func (f *factory) chosenCluster() (chosen [][2]string) {
	for _, flag := range []struct {
		name  string
		value *string
	}{{"--kubeconfig", f.flags.KubeConfig}, {"--context", f.flags.Context}, {"--cluster", f.flags.ClusterName}} {
		if flag.value != nil && *flag.value != "" {
			chosen = append(chosen, [2]string{flag.name, *flag.value})
		}
	}
	return chosen
}

// inThisNamespace adds the namespace and the builder to a command of this plugin that depends on them and names none.
func (f *factory) inThisNamespace(command string) string {
	words := strings.Fields(command)
	name := ""
	if len(words) > 0 {
		name = words[0]
	}
	has := func(flags ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool {
			return slices.ContainsFunc(flags, func(flag string) bool { return strings.HasPrefix(word, flag) })
		})
	}
	switch name {
	case "install", "uninstall", "build", "info", "list", "du", "prune", "logs", "history", "doctor":
	default:
		return command
	}
	if has("--help", "-A", "--all-namespaces") {
		return command
	}
	tail := ""
	if f.builderName != "" && f.builderName != builder.DefaultName {
		switch {
		case (name == "history" || name == "build") && !has("--builder"):
			tail += " --builder " + explain.Quote(f.builderName)
		case name == "install" && len(words) == 1:
			tail += " " + explain.Quote(f.builderName)
		}
	}
	if namespace := f.flags.Namespace; namespace != nil && *namespace != "" && !has("-n", "--namespace") {
		tail += " -n " + explain.Quote(*namespace)
	}
	if tail == "" {
		return command
	}
	// Prose after a command begins with a punctuation mark, so this is the command's end.
	return strings.TrimSuffix(command, " ") + tail
}
