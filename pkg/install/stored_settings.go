package install

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Edit returns what a builder shall be, from what it was asked to be so far: for a builder that
// does not exist, a Spec of that name and namespace alone. It may be called more than once.
type Edit func(current builder.Spec) (builder.Spec, error)

// Keep is the Edit that changes nothing: the builder is made again as it was, or with the defaults
// where there was none.
func Keep(current builder.Spec) (builder.Spec, error) { return current, nil }

// PartialSettingsError is returned together with what is known of a builder's settings: a version
// that did not store them installed it, and its Pods, which have the rest, are gone.
type PartialSettingsError struct{ Name, Namespace string }

func (e *PartialSettingsError) Error() string {
	return fmt.Sprintf("the settings of builder %q in namespace %q are known only in part: a version that did not store them installed it, "+
		"and its Pods are gone. Mode, members, volumes and registries are known; image, resources, nodes, pull secrets, "+
		"service account, environment and grace period are not", e.Name, e.Namespace)
}

// Class returns fault.Unavailable.
func (*PartialSettingsError) Class() fault.Class { return fault.Unavailable }

// StoredSpec returns what the builder of that name was asked to be, without defaults, whether or
// not its Pods exist: it is kept in the ConfigMap NAME-config. For a builder of a version that did
// not store it, it is read from the builder's objects; the error is a *PartialSettingsError where
// these do not have all of it. It is a *cluster.NotFoundError if the builder does not exist, a
// *ForeignError if the name is taken by something else.
func StoredSpec(ctx context.Context, c *cluster.Client, name string) (builder.Spec, error) {
	config := &corev1.ConfigMap{}
	ok, err := c.GetIfExists(ctx, kube.KindConfigMap, builder.ConfigName(name), config)
	if err != nil {
		return builder.Spec{}, err
	}
	if ok && isOf(config, name) {
		if spec, known, err := manifest.StoredSpec(name, config); known || err != nil {
			return spec, err
		}
	}
	f, err := api{c}.find(ctx, name)
	if err != nil {
		return builder.Spec{}, err
	}
	if err := f.foreign(name, c.Namespace()); err != nil {
		return builder.Spec{}, err
	}
	if f.config == nil && f.pod == nil && f.set == nil {
		return builder.Spec{}, c.NotFound(ctx, name)
	}
	return api{c}.specOf(ctx, f, name)
}

// specOf returns what was asked of the builder that was found; of a builder that does not exist,
// nothing but its name.
func (c api) specOf(ctx context.Context, f *existing, name string) (builder.Spec, error) {
	if f.pod == nil && f.set == nil && !f.hasObjects() {
		return builder.Spec{Name: name, Namespace: c.Namespace()}, nil
	}
	if f.config != nil {
		if spec, known, err := manifest.StoredSpec(name, f.config); known || err != nil {
			return spec, err
		}
	}
	spec := f.reconstructed(name, c.Namespace())
	if f.pod != nil || f.set != nil {
		return spec, nil
	}
	if f.hasMembers(name) {
		claims, err := c.claims(ctx, name)
		if err != nil {
			return spec, err
		}
		for n := range claims {
			fromClaim(&spec, &claims[n])
		}
	}
	return spec, &PartialSettingsError{Name: name, Namespace: c.Namespace()}
}

// fromClaim reads what a member's claim says of the volumes.
func fromClaim(spec *builder.Spec, claim *corev1.PersistentVolumeClaim) {
	if size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]; ok {
		spec.Storage, spec.StorageClass = &size, classOf(claim)
	}
}

// reconstructed is the Spec of a builder whose version did not store it, as far as its objects say
// it.
func (f *existing) reconstructed(name, namespace string) builder.Spec {
	spec := builder.Spec{Name: name, Namespace: namespace}
	switch {
	case f.set != nil:
		template := f.set.Spec.Template
		f.fromPod(&spec, template.Annotations, template.Spec)
		if f.set.Spec.Replicas != nil && *f.set.Spec.Replicas > 1 {
			spec.Replicas = *f.set.Spec.Replicas
		}
		for _, claim := range f.set.Spec.VolumeClaimTemplates {
			if claim.Name == builder.VolumeName {
				fromClaim(&spec, &claim)
			}
		}
	case f.pod != nil:
		f.fromPod(&spec, f.pod.Annotations, f.pod.Spec)
	case f.client != nil:
		f.fromConnection(&spec)
	}
	if f.config != nil {
		manifest.Unstored(&spec, f.config)
		spec.Labels = without(f.config.Labels, func(key string) bool { return builder.ObjectLabels(name)[key] != "" })
		spec.Annotations = without(f.config.Annotations, func(key string) bool {
			return builder.OwnAnnotation(key) || strings.HasPrefix(key, "kubectl.kubernetes.io/")
		})
	}
	return spec
}

// fromConnection reads what the client's Secret says of members that do not exist: how they ran,
// and how many there were. Without it a rootless builder would come back privileged.
func (f *existing) fromConnection(spec *builder.Spec) {
	document, err := manifest.ReadConnection(f.client)
	if err != nil {
		return
	}
	spec.Mode = modeOf(document.Mode)
	if len(document.Members) > 1 {
		spec.Replicas = int32(min(len(document.Members), math.MaxInt32))
	}
}

// modeOf is the Mode of a Spec whose builder runs in that mode, as far as it is known.
func modeOf(written string) string {
	if slices.Contains(builder.Modes(), written) && written != builder.ModePrivileged {
		return written
	}
	return ""
}

// fromPod reads what a member's Pod says, without what the API server adds to every Pod.
func (f *existing) fromPod(spec *builder.Spec, annotations map[string]string, pod corev1.PodSpec) {
	spec.Mode = modeOf(annotations[builder.AnnotationMode])
	spec.NodeSelector = without(pod.NodeSelector, func(key string) bool { return key == corev1.LabelOSStable })
	for _, toleration := range pod.Tolerations {
		if !strings.HasPrefix(toleration.Key, "node.kubernetes.io/") || toleration.TolerationSeconds == nil {
			spec.Tolerations = append(spec.Tolerations, toleration)
		}
	}
	for _, secret := range pod.ImagePullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, secret.Name)
	}
	if pod.ServiceAccountName != "default" {
		spec.ServiceAccount = pod.ServiceAccountName
	}
	if seconds := pod.TerminationGracePeriodSeconds; seconds != nil {
		if grace := time.Duration(*seconds) * time.Second; grace != builder.DefaultGracePeriod {
			spec.GracePeriod = grace
		}
	}
	at := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == builder.ContainerName })
	if at < 0 {
		return
	}
	container := pod.Containers[at]
	if !builder.IsDefaultImage(container.Image, spec.Rootless()) {
		spec.Image = container.Image
	}
	spec.Limits = container.Resources.Limits
	for name, request := range container.Resources.Requests {
		if limit, ok := spec.Limits[name]; ok && limit.Cmp(request) == 0 {
			continue // the API server sets it where there is a limit alone
		}
		if spec.Requests == nil {
			spec.Requests = corev1.ResourceList{}
		}
		spec.Requests[name] = request
	}
	for _, variable := range container.Env {
		if variable.Name != builder.EnvCertDirs || f.config == nil || !manifest.HasRegistryCA(f.config) {
			spec.Env = append(spec.Env, variable)
		}
	}
}

// without is a copy that leaves out some keys; nil if nothing is left.
func without(from map[string]string, drop func(key string) bool) map[string]string {
	kept := maps.Clone(from)
	maps.DeleteFunc(kept, func(key, _ string) bool { return drop(key) })
	if len(kept) == 0 {
		return nil
	}
	return kept
}
