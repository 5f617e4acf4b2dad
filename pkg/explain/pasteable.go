package explain

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// Selection is what a command line has chosen: pasted without it, the commands of a next step would
// change a builder of the current context, of another namespace, or of the default name.
type Selection struct {
	// Cluster are the flags that chose the cluster, with their values, e.g. "--context" and "prod".
	// The user (--as) is not among them, since the step may be another user's.
	Cluster [][2]string
	// Namespace and Builder are those that the command line names; empty if it names none.
	Namespace, Builder string
	// Install is the command line itself where it is an install: its flags are not stored if it was
	// refused.
	Install string
}

// Pasteable returns the next step with the selection added to its commands.
func (s Selection) Pasteable(next string) string {
	if slices.ContainsFunc(s.Cluster, func(flag [2]string) bool { return strings.Contains(next, flag[0]) }) {
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
		for _, flag := range s.Cluster {
			program += " " + flag[0] + " " + Quote(flag[1])
		}
		if flags := s.moreFlags(rest); isPlugin && flags != "" && !strings.HasPrefix(text, s.Install) {
			return strings.TrimSuffix(s.Install, " "+flags) + " " + flags
		}
		if isPlugin {
			rest = s.inThisNamespace(rest)
		}
		return program + " " + rest
	})
}

// moreFlags returns the flags that a next step adds to the install that the command line is; empty
// for other commands.
func (s Selection) moreFlags(command string) string {
	words := strings.Fields(command)
	if s.Install == "" || len(words) < 2 || words[0] != "install" || words[1] != cmp.Or(s.Builder, builder.DefaultName) {
		return ""
	}
	words = words[2:]
	if len(words) > 1 && words[0] == "-n" {
		words = words[2:]
	}
	if len(words) == 0 || !strings.HasPrefix(words[0], "--") || words[0] == "--unset" { // flags would set again what it takes back
		return ""
	}
	return strings.Join(words, " ")
}

// Named returns the flags that select a builder: a namespace, and a name unless it is the default.
func Named(name, namespace string) string {
	flags := "-n " + Quote(namespace)
	if name != builder.DefaultName {
		flags += " --builder " + Quote(name)
	}
	return flags
}

// inThisNamespace adds the namespace and the builder to a command of this plugin that depends on
// them and names none.
func (s Selection) inThisNamespace(command string) string {
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
	if s.Builder != "" && s.Builder != builder.DefaultName {
		switch {
		case (name == "history" || name == "build") && !has("--builder"):
			tail += " --builder " + Quote(s.Builder)
		case name == "install" && len(words) == 1:
			tail += " " + Quote(s.Builder)
		}
	}
	if s.Namespace != "" && !has("-n", "--namespace") {
		tail += " -n " + Quote(s.Namespace)
	}
	if tail == "" {
		return command
	}
	// Prose after a command begins with a punctuation mark, so this is the command's end.
	return strings.TrimSuffix(command, " ") + tail
}

// Reinstall returns the command that makes a builder again with its stored settings.
func Reinstall(name, namespace string) string {
	return fmt.Sprintf("kubectl buildkit install %s -n %s", name, namespace)
}
