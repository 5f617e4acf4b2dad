package manifest

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// directoryBinfmt is where the kernel has its table of interpreters.
const directoryBinfmt = "/proc/sys/fs/binfmt_misc"

// holdScript keeps the table mounted. Since Linux 6.7 the kernel forgets what is registered in it
// with the last mount of the table, and in a user namespace, which has a table of its own, nothing
// else mounts it.
const holdScript = `leave() { exit 0; }
trap leave TERM INT
if ! mount -t binfmt_misc binfmt_misc ` + directoryBinfmt + `; then
  echo 'the kernel of this node has no table of interpreters for this Pod: binfmt_misc is missing, or it is older than Linux 6.7 and the Pod has a user namespace' >&2
  exit 1
fi
while :; do sleep 3600 & wait $!; done
`

// addEmulation puts in front of the daemon of a member what registers the emulators of its
// platforms: the daemon looks once, when it starts, which platforms run on its node.
func addEmulation(pod *corev1.PodSpec, spec builder.Spec) {
	architectures := spec.EmulatedArchitectures()
	if len(architectures) == 0 {
		return
	}
	small := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
	container := func(name, image string) corev1.Container {
		return corev1.Container{
			Name: name, Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
			TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			Resources:                corev1.ResourceRequirements{Requests: small, Limits: small},
			SecurityContext:          &corev1.SecurityContext{Privileged: new(true), RunAsUser: new(int64(0)), RunAsGroup: new(int64(0))},
		}
	}
	hold := container(builder.EmulationHoldName, spec.Image)
	hold.Command = []string{"/bin/sh", "-c", holdScript}
	hold.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	hold.StartupProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/sh", "-c", "test -e " + directoryBinfmt + "/register"}}},
		PeriodSeconds: 1, FailureThreshold: 60,
	}
	register := container(builder.EmulationContainerName, spec.EmulatorImage())
	register.Args = []string{"--install", strings.Join(architectures, ",")}
	pod.InitContainers = append(pod.InitContainers, hold, register)
}
