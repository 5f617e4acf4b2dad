package manifest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// argumentLimits is the daemon's argument that Spec.CacheLimits is the value of.
const argumentLimits = "--oci-worker-gc-keepstorage"

// Started is what a member was started with and is not worth a restart, unlike all else in its Pod.
type Started struct {
	// Certificates is the fingerprint of the certificates; empty for a member of an unmanaged
	// builder.
	Certificates string
	// CacheLimits are those of the daemon, as Spec.CacheLimits returns them: of a volume that has
	// grown since, those of its former size.
	CacheLimits string
	// Defaults are those of the version that started it.
	Defaults builder.Defaults
}

// ReadStarted returns what the members were started with whose Pods have these annotations and
// these containers.
func ReadStarted(annotations map[string]string, containers []corev1.Container) Started {
	started := Started{Certificates: annotations[builder.AnnotationTrust]}
	for _, container := range containers {
		if container.Name != builder.ContainerName {
			continue
		}
		if at := slices.Index(container.Args, argumentLimits); at >= 0 && at+1 < len(container.Args) {
			started.CacheLimits = container.Args[at+1]
		}
	}
	return started
}

// setLimits gives a daemon the limits that it was started with.
func (s Started) setLimits(container *corev1.Container) {
	at := slices.Index(container.Args, argumentLimits)
	if at >= 0 && s.CacheLimits != "" {
		container.Args[at+1] = s.CacheLimits
	}
}
