package manifest

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// Where a member with a network for each step has its description, and what makes it.
const (
	volumeStepNetwork    = "step-network"
	directoryStepNetwork = "/run/kubectl-buildkit-network"
	fileStepNetwork      = "cni.json"
	// fileCNI is where the daemon reads it; its flag for another place has no effect (v0.34.2).
	fileCNI = "/etc/buildkit/cni.json"
)

// stepNetworkScript describes a bridge that steps are connected to. BuildKit's own bridge lets
// steps reach one another, has a size of packets that networks between nodes may not carry, and
// addresses that a cluster may use itself. Here the ports of the bridge are isolated from one
// another, the size is that of the Pod, and the addresses are those that RFC 5737 gives to
// documentation.
const stepNetworkScript = `fail() {
  echo "$1" >&2
  exit 1
}
for plugin in bridge host-local loopback; do
  path=$(command -v "buildkit-cni-$plugin") || fail "the image has no buildkit-cni-$plugin"
  ln -sf "$path" "$DIR/$plugin" || exit 1
done
command -v iptables >/dev/null || command -v nft >/dev/null || fail 'the image has neither iptables nor nft'
interface=
while read -r name destination rest; do
  if [ "$destination" = 00000000 ]; then interface=$name && break; fi
done </proc/net/route
[ -n "$interface" ] || fail 'the Pod has no route for IPv4, and steps would have no network'
read -r mtu <"/sys/class/net/$interface/mtu" || exit 1
cat >"$DIR/$FILE" <<END
{"cniVersion": "1.0.0", "name": "steps", "type": "bridge", "bridge": "steps0", "isDefaultGateway": true, "ipMasq": true,
 "portIsolation": true, "mtu": $mtu, "ipam": {"type": "host-local", "ranges": [[{"subnet": "192.0.2.0/24"}]]}}
END
`

// addStepNetwork gives each step of a member a network with an address of its own, through which it
// reaches what the Pod reaches, and neither other steps nor what listens on the Pod's localhost.
func addStepNetwork(pod *corev1.PodSpec, spec builder.Spec) {
	if spec.StepNetwork != builder.StepNetworkBridge {
		return
	}
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: volumeStepNetwork, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("1Mi"))},
	}})
	mount := corev1.VolumeMount{Name: volumeStepNetwork, MountPath: directoryStepNetwork}
	pod.InitContainers = append(pod.InitContainers, corev1.Container{
		Name: builder.StepNetworkContainerName, Image: spec.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command:                  []string{"/bin/sh", "-c", stepNetworkScript},
		Env:                      []corev1.EnvVar{{Name: "DIR", Value: directoryStepNetwork}, {Name: "FILE", Value: fileStepNetwork}},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		// It has ended when the daemon starts, which needs no less.
		Resources:    corev1.ResourceRequirements{Requests: spec.Requests, Limits: spec.Limits},
		VolumeMounts: []corev1.VolumeMount{mount},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser: new(int64(nobodyUser)), RunAsGroup: new(int64(nobodyUser)), RunAsNonRoot: new(true),
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	})
	daemon := &pod.Containers[0]
	mount.ReadOnly = true
	daemon.VolumeMounts = append(daemon.VolumeMounts, mount,
		corev1.VolumeMount{Name: volumeStepNetwork, MountPath: fileCNI, SubPath: fileStepNetwork, ReadOnly: true})
	daemon.Args = append(daemon.Args, "--oci-worker-net", "cni", "--oci-cni-binary-dir", directoryStepNetwork)
}
