package manifest

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// setMode makes a member run in its mode.
func setMode(pod *corev1.PodSpec, spec builder.Spec) {
	switch spec.Mode {
	case builder.ModeRootless:
		pod.SecurityContext = &corev1.PodSecurityContext{
			FSGroup: new(int64(rootlessUser)),
			// The cache holds files of many mapped users: a change of group in all of them would
			// break it.
			FSGroupChangePolicy: new(corev1.FSGroupChangeOnRootMismatch),
		}
	case builder.ModeUserNS:
		addUserNamespace(pod, spec)
	}
}

func securityContext(spec builder.Spec) *corev1.SecurityContext {
	if !spec.Rootless() {
		return &corev1.SecurityContext{Privileged: new(true)}
	}
	return &corev1.SecurityContext{
		RunAsUser:  new(int64(rootlessUser)),
		RunAsGroup: new(int64(rootlessUser)),
		// newuidmap needs its capabilities, and the daemon's own mounts and namespaces are what the
		// default profiles forbid.
		SeccompProfile:  &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined},
		AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined},
	}
}

// mappedScript fails where root of the Pod is root of the node.
const mappedScript = `read -r inside outside size </proc/self/uid_map
[ "$inside" = 0 ] && [ "$outside" != 0 ] && exit 0
echo "the map of its users is $inside $outside $size: root of the Pod is root of the node"
exit 1
`

// addUserNamespace puts a member into a user namespace, and in front of its daemon a container that
// ends the start where there is none: API servers, kubelets and container runtimes that do not know
// hostUsers ignore it without a word. A hook of the daemon would come too late, and a probe as
// well: it answers its first client within milliseconds.
func addUserNamespace(pod *corev1.PodSpec, spec builder.Spec) {
	pod.HostUsers = new(false)
	pod.InitContainers = append([]corev1.Container{{
		Name: builder.UserNamespaceContainerName, Image: spec.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command:                  []string{"/bin/sh", "-c", mappedScript},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		// It has ended when the daemon starts, which needs no less.
		Resources: corev1.ResourceRequirements{Requests: spec.Requests, Limits: spec.Limits},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser: new(int64(nobodyUser)), RunAsGroup: new(int64(nobodyUser)), RunAsNonRoot: new(true),
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}}, pod.InitContainers...)
}
