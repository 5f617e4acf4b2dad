package cluster

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// againstRootless is what a node tells of itself that speaks against a rootless daemon. The
// settings that decide, e.g. user.max_user_namespaces, are not among what a node tells, so the
// distributions that forbid it are known by name.
func againstRootless(info corev1.NodeSystemInfo) string {
	system := strings.ToLower(info.OSImage)
	switch {
	case strings.Contains(system, "bottlerocket"):
		return "Bottlerocket forbids user namespaces unless user.max_user_namespaces is set"
	case strings.Contains(system, "talos"):
		return "Talos forbids user namespaces unless user.max_user_namespaces is set"
	case strings.HasPrefix(system, "ubuntu ") && atLeast(strings.TrimPrefix(system, "ubuntu "), "23.10"):
		return "Ubuntu restricts user namespaces unless kernel.apparmor_restrict_unprivileged_userns=0"
	case !atLeast(info.KernelVersion, "5.11"):
		return fmt.Sprintf("kernel %s has no overlay file system for user namespaces, 5.11 has", info.KernelVersion)
	}
	return ""
}

// againstUserNamespaces is what speaks against a Pod with hostUsers: false. Which runc runs there
// is not told.
func againstUserNamespaces(node corev1.NodeStatus) string {
	info := node.NodeInfo
	runtime, number, _ := strings.Cut(info.ContainerRuntimeVersion, "://")
	switch {
	case !atLeast(info.KubeletVersion, "1.33"):
		return fmt.Sprintf("kubelet %s does not have them, 1.33 has", info.KubeletVersion)
	case !atLeast(info.KernelVersion, "6.3"):
		return fmt.Sprintf("kernel %s cannot map every volume, 6.3 can", info.KernelVersion)
	case runtime == "containerd" && !atLeast(number, "2.0"):
		return fmt.Sprintf("containerd %s ignores them, 2.0 does not", number)
	}
	for _, handler := range node.RuntimeHandlers {
		if able := handler.Features; handler.Name == "" && (able == nil || able.UserNamespaces == nil || !*able.UserNamespaces) {
			return "its container runtime does not support them"
		}
	}
	return ""
}

// atLeast compares versions; one that cannot be read is taken to be new enough.
func atLeast(text, least string) bool {
	has, err := version.ParseGeneric(text)
	return err != nil || has.AtLeast(version.MustParseGeneric(least))
}
