package explain

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// nextForRefusal is how an object becomes one that the cluster admits.
func nextForRefusal(e *kube.AdmissionError) string {
	install := "kubectl buildkit install"
	if e.Kind == "Pod" {
		install += " " + strings.TrimSuffix(e.Name, "-0") // a set's first member stands for its builder
	}
	install += " -n " + e.Namespace
	switch {
	case e.By == "Pod Security":
		return fmt.Sprintf("builders need the Pod Security level privileged, rootless ones too; use another namespace, or ask an administrator: "+
			"kubectl label namespace %s pod-security.kubernetes.io/enforce=privileged --overwrite", e.Namespace)
	case strings.Contains(e.Message, "security context constraint"):
		return fmt.Sprintf("ask an administrator: oc adm policy add-scc-to-user privileged -z default -n %s", e.Namespace)
	case e.By == "the quota":
		if flags := unspecified(e.Message); flags != "" {
			return "say what it needs, e.g.: " + install + flags
		}
		next := fmt.Sprintf("ask an administrator for more: kubectl describe quota -n %s", e.Namespace)
		if computes(e.Message) {
			next += ", or reserve less with --request and --limit"
		}
		return next
	}
	if flags := outsideRange(e.Message); flags != "" {
		return install + flags
	}
	return ""
}

// exampleOf is a value that suits most builders.
func exampleOf(resource string) string {
	switch resource {
	case "cpu":
		return "2"
	case "memory":
		return "4Gi"
	}
	return "10Gi"
}

// flagsOf writes --request and --limit, with the resources in the order of their names.
func flagsOf(values map[string]map[string]string) string {
	text := ""
	for _, flag := range slices.Sorted(maps.Keys(values)) {
		var pairs []string
		for _, resource := range slices.Sorted(maps.Keys(values[flag])) {
			pairs = append(pairs, resource+"="+values[flag][resource])
		}
		text += " --" + flag + " " + strings.Join(pairs, ",")
	}
	return text
}

// unspecified reads a quota's "must specify limits.cpu for: buildkitd; requests.memory for: buildkitd", or an older one's
// "must specify limits.cpu,limits.memory".
func unspecified(message string) string {
	_, list, found := strings.Cut(message, "must specify ")
	if !found {
		return ""
	}
	values := map[string]map[string]string{}
	for _, match := range regexp.MustCompile(`\b(?:(limits|requests)\.)?(cpu|memory|ephemeral-storage)\b`).FindAllStringSubmatch(list, -1) {
		flag := "request"
		if match[1] == "limits" {
			flag = "limit"
		}
		if values[flag] == nil {
			values[flag] = map[string]string{}
		}
		values[flag][match[2]] = exampleOf(match[2])
	}
	return flagsOf(values)
}

// computes reports whether a quota is exceeded in what --request and --limit reserve, and not in a number of objects.
func computes(message string) bool {
	_, requested, _ := strings.Cut(message, "requested: ")
	requested, _, _ = strings.Cut(requested, ", used: ")
	return regexp.MustCompile(`(^|[,.])(cpu|memory|ephemeral-storage)=`).MatchString(requested)
}

// outsideRange reads a LimitRange's "maximum cpu usage per Container is 1, but limit is 2" and "minimum memory usage per
// Container is 64Mi, but request is 1Mi" or "but no request is specified".
func outsideRange(message string) string {
	values := map[string]map[string]string{}
	found := regexp.MustCompile(`(?:maximum|minimum) (\S+) usage per (?:Container|Pod) is ([^\s,\]]+), but (?:no )?(limit|request)`)
	for _, match := range found.FindAllStringSubmatch(message, -1) {
		if values[match[3]] == nil {
			values[match[3]] = map[string]string{}
		}
		values[match[3]][match[1]] = strings.TrimSuffix(match[2], ".")
	}
	return flagsOf(values)
}
