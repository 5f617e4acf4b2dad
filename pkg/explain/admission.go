package explain

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// nextForRefusal is how an object becomes one that the cluster admits.
func nextForRefusal(e *kube.AdmissionError) string {
	install := "kubectl buildkit install"
	if e.Kind == "Pod" {
		install += " " + strings.TrimSuffix(e.Name, "-0") // a set's first member stands for its builder
	}
	install += " -n " + e.Namespace
	return refusalWith(e, func(flags string) string { return install + flags })
}

// refusalWith is nextForRefusal where change is what gives the builder these flags of install.
func refusalWith(e *kube.AdmissionError, change func(flags string) string) string {
	switch {
	case e.By == "Pod Security":
		return fmt.Sprintf("builders need the Pod Security level privileged, rootless ones too; use another namespace, or ask an administrator: "+
			"kubectl label namespace %s pod-security.kubernetes.io/enforce=privileged --overwrite", e.Namespace)
	case strings.Contains(e.Message, "security context constraint"):
		return fmt.Sprintf("ask an administrator: oc adm policy add-scc-to-user privileged -z default -n %s", e.Namespace)
	case strings.Contains(e.Message, "no PriorityClass with name"):
		return "give --priority-class one of the cluster's: kubectl get priorityclasses"
	case strings.Contains(e.Message, "RuntimeClass") && strings.Contains(e.Message, "not found"):
		return "give --runtime-class one of the cluster's: kubectl get runtimeclasses"
	case e.By == "the quota":
		if flags := unspecified(e.Message); flags != "" {
			return "say what it needs, e.g.: " + change(flags)
		}
		next := fmt.Sprintf("ask an administrator for more: kubectl describe quota -n %s", e.Namespace)
		if flags := withinQuota(e); flags != "" {
			return "reserve what the quota leaves: " + change(flags) + "; or " + next
		}
		return next
	}
	if flags := outsideRange(e); flags != "" {
		return change(flags)
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

// unspecified reads a quota's "must specify limits.cpu for: buildkitd; requests.memory for:
// buildkitd", or an older one's "must specify limits.cpu,limits.memory".
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

// withinQuota are the flags with which a Pod takes what a quota leaves; empty if that is nothing,
// or if it is not a matter of --request and --limit.
func withinQuota(e *kube.AdmissionError) string {
	values := map[string]map[string]string{}
	for _, excess := range e.Excesses() {
		name, isLimit := strings.CutPrefix(string(excess.Resource), "limits.")
		name = strings.TrimPrefix(name, "requests.")
		room := excess.Room(e.Frees)
		if !slices.Contains([]string{"cpu", "memory", "ephemeral-storage"}, name) || room.Sign() <= 0 {
			return ""
		}
		set(values, isLimit, name, room)
	}
	return flagsOf(consistent(values, e.Takes))
}

func set(values map[string]map[string]string, isLimit bool, name string, value resource.Quantity) {
	flag := "request"
	if isLimit {
		flag = "limit"
	}
	if values[flag] == nil {
		values[flag] = map[string]string{}
	}
	values[flag][name] = value.String()
}

// consistent adds the request that a smaller limit asks for, and the limit that a larger request
// does: neither may be on the wrong side of the other.
func consistent(values map[string]map[string]string, takes corev1.ResourceList) map[string]map[string]string {
	for name, text := range values["limit"] {
		request, requested := takes[corev1.ResourceName("requests."+name)]
		if limit, err := resource.ParseQuantity(text); err == nil && requested && values["request"][name] == "" && request.Cmp(limit) > 0 {
			set(values, false, name, limit)
		}
	}
	for name, text := range values["request"] {
		limit, limited := takes[corev1.ResourceName("limits."+name)]
		if request, err := resource.ParseQuantity(text); err == nil && limited && values["limit"][name] == "" && limit.Cmp(request) < 0 {
			set(values, true, name, request)
		}
	}
	return values
}

// outsideRange reads a LimitRange's "maximum cpu usage per Container is 1, but limit is 2",
// "minimum memory usage per Container is 64Mi, but request is 1Mi" or "but no request is
// specified", and "memory max limit to request ratio per Container is 2, but provided ratio is
// 4.000000".
func outsideRange(e *kube.AdmissionError) string {
	values := map[string]map[string]string{}
	found := regexp.MustCompile(`(?:maximum|minimum) (\S+) usage per (?:Container|Pod) is ([^\s,\]]+), but (?:no )?(limit|request)`)
	for _, match := range found.FindAllStringSubmatch(e.Message, -1) {
		if value, err := resource.ParseQuantity(strings.TrimSuffix(match[2], ".")); err == nil {
			set(values, match[3] == "limit", match[1], value)
		}
	}
	found = regexp.MustCompile(`(\S+) max limit to request ratio per (?:Container|Pod) is ([0-9.]+), but provided`)
	for _, match := range found.FindAllStringSubmatch(strings.TrimPrefix(e.Message, "["), -1) {
		limit, limited := e.Takes[corev1.ResourceName("limits."+match[1])]
		if most, err := strconv.ParseFloat(match[2], 64); err == nil && limited && most >= 1 {
			set(values, false, match[1], *resource.NewMilliQuantity(int64(math.Ceil(float64(limit.MilliValue())/most)), limit.Format))
		}
	}
	return flagsOf(consistent(values, e.Takes))
}
