package manifest

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// Where the daemon finds its files. The directory is our own, so that nothing of the image's
// /etc/buildkit is hidden.
const (
	directoryConfig     = "/etc/kubectl-buildkit/config"
	directoryTrust      = "/etc/kubectl-buildkit/tls"
	directoryRegistryCA = "/etc/kubectl-buildkit/registry-ca"

	// directoryProvenance is where the daemon reads by itself what provenance says besides.
	directoryProvenance = "/etc/buildkit/provenance.d"

	cachePrivileged = "/var/lib/buildkit"
	cacheRootless   = "/home/user/.local/share/buildkit"

	rootlessUser = 1000

	// systemCertDirs are Go's own defaults on Linux, which setting the variable replaces.
	systemCertDirs = "/etc/ssl/certs:/etc/pki/tls/certs"
)

// memberPod is one member.
func memberPod(spec builder.Spec, started Started) (pod *corev1.Pod, err error) {
	pod = &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: objectMeta(spec, spec.Name),
	}
	pod.Annotations[builder.AnnotationMode] = spec.RunMode()
	pod.Annotations["kubectl.kubernetes.io/default-container"] = builder.ContainerName
	// An autoscaler that evicts a member kills its builds.
	pod.Annotations = besides(pod.Annotations, map[string]string{
		"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true",
	}, spec)
	leaveMeshes(pod, spec)

	selector := spec.NodeLabels()
	if selector == nil {
		selector = map[string]string{}
	}
	selector[corev1.LabelOSStable] = "linux"
	grace := int64(spec.GracePeriod.Seconds())
	pod.Spec = corev1.PodSpec{
		AutomountServiceAccountToken:  new(false),
		EnableServiceLinks:            new(false),
		ServiceAccountName:            spec.ServiceAccount,
		NodeSelector:                  selector,
		Tolerations:                   spec.Tolerations,
		PriorityClassName:             spec.PriorityClass,
		SchedulerName:                 spec.Scheduler,
		TopologySpreadConstraints:     spread(spec),
		RestartPolicy:                 corev1.RestartPolicyAlways,
		TerminationGracePeriodSeconds: &grace,
		Containers:                    []corev1.Container{container(spec, started)},
		Volumes:                       volumes(spec),
	}
	if len(spec.Affinity) > 0 {
		if pod.Spec.Affinity, err = builder.ParseAffinity(spec.Affinity); err != nil {
			return nil, err
		}
	}
	if spec.RuntimeClass != "" {
		pod.Spec.RuntimeClassName = &spec.RuntimeClass
	}
	for _, name := range spec.ImagePullSecrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	addEmulation(&pod.Spec, spec)
	if spec.Metrics {
		addMetrics(pod, spec)
	}
	if provenance, err := spec.Provenance(started.Defaults); err != nil {
		return nil, err
	} else if provenance != "" {
		addProvenance(&pod.Spec, spec)
	}
	addStepNetwork(&pod.Spec, spec)
	setMode(&pod.Spec, spec)
	return pod, nil
}

func container(spec builder.Spec, started Started) corev1.Container {
	probe := corev1.ProbeHandler{Exec: &corev1.ExecAction{
		Command: []string{"buildctl", "--addr", spec.Socket(), "debug", "info"},
	}}
	return corev1.Container{
		Name:            builder.ContainerName,
		Image:           spec.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		// Never a command: the official image's entrypoint prepares cgroups, or the user namespace.
		Args:            arguments(spec, started),
		Env:             environment(spec),
		Resources:       corev1.ResourceRequirements{Requests: spec.Requests, Limits: spec.Limits},
		SecurityContext: securityContext(spec),
		VolumeMounts:    mounts(spec),
		Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{
			Command: []string{"/bin/sh", "-c", drainScript(spec)},
		}}},
		// No liveness probe: a busy daemon is slow to answer, and killing it kills its builds.
		StartupProbe:   &corev1.Probe{ProbeHandler: probe, PeriodSeconds: 1, TimeoutSeconds: 10, FailureThreshold: 120},
		ReadinessProbe: &corev1.Probe{ProbeHandler: probe, PeriodSeconds: 15, TimeoutSeconds: 15, FailureThreshold: 3},
	}
}

func arguments(spec builder.Spec, started Started) []string {
	args := []string{
		"--addr", spec.Socket(),
		"--addr", fmt.Sprintf("tcp://127.0.0.1:%d", builder.Port),
		"--tlscacert", directoryTrust + "/" + keyCA,
		"--tlscert", directoryTrust + "/" + corev1.TLSCertKey,
		"--tlskey", directoryTrust + "/" + corev1.TLSPrivateKeyKey,
		"--config", directoryConfig + "/" + keyConfig,
	}
	if spec.Metrics {
		args = append(args, "--debugaddr", socketMetrics)
	}
	if spec.Rootless() {
		args = append(args, "--oci-worker-no-process-sandbox")
	}
	if limits := spec.CacheLimits(); limits != "" {
		args = append(args, argumentLimits, limits)
	}
	if steps := spec.Parallelism(started.Defaults); steps > 0 {
		args = append(args, "--oci-max-parallelism", strconv.FormatInt(steps, 10))
	}
	return args
}

// drainScript waits until no build runs; Kubernetes ends it with the grace period. Without it the
// daemon would refuse its clients' running sessions as soon as it is told to stop.
func drainScript(spec builder.Spec) string {
	const running = `{{if .Record}}{{if not .Record.CompletedAt}}running{{end}}{{end}}`
	return fmt.Sprintf("while buildctl --addr %s debug histories --format '%s' 2>/dev/null | grep -q running; do sleep 1; done",
		spec.Socket(), running)
}

func environment(spec builder.Spec) []corev1.EnvVar {
	if len(spec.RegistryCA) == 0 {
		return spec.Env
	}
	// For every registry, and without naming one: the daemon's Go runtime reads certificates from
	// these directories.
	return append(spec.Env[:len(spec.Env):len(spec.Env)],
		corev1.EnvVar{Name: builder.EnvCertDirs, Value: systemCertDirs + ":" + directoryRegistryCA})
}

func mounts(spec builder.Spec) []corev1.VolumeMount {
	cache := cachePrivileged
	if spec.Rootless() {
		cache = cacheRootless
	}
	list := []corev1.VolumeMount{
		{Name: builder.VolumeName, MountPath: cache},
		{Name: "config", MountPath: directoryConfig, ReadOnly: true},
		{Name: "tls", MountPath: directoryTrust, ReadOnly: true},
	}
	if len(spec.RegistryCA) > 0 {
		list = append(list, corev1.VolumeMount{Name: "registry-ca", MountPath: directoryRegistryCA, ReadOnly: true})
	}
	return list
}

// volumes are those of every member; a claim template adds the cache where there is one.
func volumes(spec builder.Spec) []corev1.Volume {
	config := corev1.LocalObjectReference{Name: builder.ConfigName(spec.Name)}
	list := []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: config, Items: items(keyConfig),
		}}},
		{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName:  builder.ServerSecretName(spec.Name),
			Items:       items(keyCA, corev1.TLSCertKey, corev1.TLSPrivateKeyKey),
			DefaultMode: new(int32(0o440)),
		}}},
	}
	if len(spec.RegistryCA) > 0 {
		list = append(list, corev1.Volume{Name: "registry-ca", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: config, Items: items(keyRegistryCA)},
		}})
	}
	if spec.Storage == nil {
		list = append(list, corev1.Volume{
			Name: builder.VolumeName, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
	return list
}

// addProvenance mounts what the provenance of builds says of the builder. To be without it is
// better than not to start.
func addProvenance(pod *corev1.PodSpec, spec builder.Spec) {
	const name = "provenance"
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: builder.ConfigName(spec.Name)}, Items: items(keyProvenance), Optional: new(true),
	}}})
	daemon := &pod.Containers[0]
	daemon.VolumeMounts = append(daemon.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: directoryProvenance, ReadOnly: true})
}

func items(keys ...string) []corev1.KeyToPath {
	list := make([]corev1.KeyToPath, 0, len(keys))
	for _, key := range keys {
		list = append(list, corev1.KeyToPath{Key: key, Path: key})
	}
	return list
}

// leaveMeshes asks service meshes to leave the Pod alone. The proxy that they put beside a daemon
// ends as soon as the Pod is told to, while the daemon goes on until its builds have ended: the
// push at the end of a build would fail. Marks that the user sets are the user's.
func leaveMeshes(pod *corev1.Pod, spec builder.Spec) {
	annotations := map[string]string{
		"sidecar.istio.io/inject":              "false", // Istio before 1.10
		"linkerd.io/inject":                    "disabled",
		"consul.hashicorp.com/connect-inject":  "false",
		"openservicemesh.io/sidecar-injection": "disabled",
		"kuma.io/sidecar-injection":            "disabled", // Kuma before 2.0
	}
	labels := map[string]string{
		"sidecar.istio.io/inject":   "false",
		"kuma.io/sidecar-injection": "disabled",
	}
	pod.Annotations, pod.Labels = besides(pod.Annotations, annotations, spec), besides(pod.Labels, labels, spec)
}

// besides adds marks to those that there are, unless the user has set one of the same key as a
// label or an annotation.
func besides(there, marks map[string]string, spec builder.Spec) map[string]string {
	for key, value := range marks {
		_, label := spec.Labels[key]
		_, annotation := spec.Annotations[key]
		if !label && !annotation {
			there[key] = value
		}
	}
	return there
}
