package manifest

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// The daemon serves its metrics on its debug address alone, beside profiles, traces and its cache's
// keys. A port of it would be open to every RUN step, which shares the Pod's network. So it is a
// socket in a volume, which steps do not see, and a second container passes on the one path.
const (
	volumeMetrics    = "metrics"
	directoryMetrics = "/run/kubectl-buildkit"
	socketMetrics    = "unix://" + directoryMetrics + "/debug.sock"

	// nobodyUser is the user of the container beside a daemon that runs as root; the socket's group
	// lets it in.
	nobodyUser = 65534
)

// serveScript listens. It ends with the daemon, neither before it nor later: builds that the Pod
// waits for are measured as well. The images' netcats call a persistent server -lk or -ll.
const serveScript = `leave() {
  while buildctl --addr "$DAEMON" dial-stdio <>"$DIR/hold" >/dev/null 2>&1; do :; done
  exit 0
}
trap leave TERM INT
rm -f "$DIR"/slot-* "$DIR/hold"
mkfifo "$DIR/hold"
case $(nc --help 2>&1) in
*-lk*) persistent=-lk ;;
*-ll*) persistent=-ll ;;
*)
  echo 'no metrics: this image has no nc that can serve them' >&2
  while :; do sleep 3600 & wait $!; done
  ;;
esac
while :; do
  nc $persistent -p "$PORT" -e /bin/sh -c "$ANSWER" &
  wait $!
  sleep 1 & wait $!
done
`

// answerScript answers one connection: GET /metrics, nothing else. A few at a time are answered,
// and each ends soon, whatever the client does. Nothing that it sends reaches the daemon.
const answerScript = `trap '' PIPE
refuse() {
  printf 'HTTP/1.0 %s\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n%s\n' "$1" "$1"
  exit 0
}
set -C
for slot in 1 2 3 none; do
  [ $slot != none ] || refuse '503 Service Unavailable'
  if true 2>/dev/null >"$DIR/slot-$slot"; then break; fi
done
trap 'rm -f "$DIR/slot-$slot"' EXIT
request=$(timeout 5 dd bs=4096 count=1 2>/dev/null)
case $request in
'GET /metrics HTTP/1.'* | 'GET /metrics?'*) ;;
'GET '*) refuse '404 Not Found' ;;
*) refuse '400 Bad Request' ;;
esac
[ -S "${DAEMON#unix://}" ] || refuse '503 Service Unavailable'
accept='text/plain;version=0.0.4'
case $request in
*application/vnd.google.protobuf*) accept='application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited' ;;
esac
printf 'GET /metrics HTTP/1.0\r\nAccept: %s\r\n\r\n' "$accept" | timeout 10 buildctl --addr "$DAEMON" dial-stdio 2>/dev/null
`

// addMetrics adds to a member what serves its metrics, with the marks by which scrapers find it.
// Marks that the user sets are the user's.
func addMetrics(pod *corev1.Pod, spec builder.Spec) {
	pod.Annotations = besides(pod.Annotations, map[string]string{
		"prometheus.io/scrape": "true", "prometheus.io/port": strconv.Itoa(builder.MetricsPort), "prometheus.io/path": "/metrics",
	}, spec)
	mount := corev1.VolumeMount{Name: volumeMetrics, MountPath: directoryMetrics}
	daemon := &pod.Spec.Containers[0]
	daemon.VolumeMounts = append(daemon.VolumeMounts, mount)
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volumeMetrics, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: new(resource.MustParse("1Mi"))},
	}})
	user, group := int64(nobodyUser), int64(0)
	if spec.Rootless() {
		user, group = rootlessUser, rootlessUser
	}
	// As much as it may have at most is reserved: a Pod with the guaranteed class of service keeps
	// it.
	resources := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
		Name: builder.MetricsContainerName, Image: spec.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{"/bin/sh", "-c", serveScript},
		Env: []corev1.EnvVar{
			{Name: "ANSWER", Value: answerScript}, {Name: "DAEMON", Value: socketMetrics}, {Name: "DIR", Value: directoryMetrics},
			{Name: "PORT", Value: strconv.Itoa(builder.MetricsPort)},
		},
		Ports:        []corev1.ContainerPort{{Name: "metrics", ContainerPort: builder.MetricsPort, Protocol: corev1.ProtocolTCP}},
		Resources:    corev1.ResourceRequirements{Requests: resources, Limits: resources},
		VolumeMounts: []corev1.VolumeMount{mount},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser: &user, RunAsGroup: &group, RunAsNonRoot: new(true), AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	})
}
