package builder

import (
	"cmp"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// DefaultGracePeriod is how long a member that is told to stop may go on with its running builds;
// an idle one stops at once.
const DefaultGracePeriod = time.Hour

// Spec is what a user asks of a builder. The zero value of every field but Name and Namespace means
// "the default".
type Spec struct {
	// Name is the builder's name, a DNS label of at most 52 characters.
	Name string
	// Namespace is where its objects live.
	Namespace string

	// Family is the builder whose further architecture this one is for, which makes, changes and
	// removes it; empty for a builder that was asked for by its own name.
	Family string
	// Platforms are what the builder builds for, e.g. "linux/amd64"; empty means what its nodes
	// happen to be. For each further architecture there is another builder; see Further.
	Platforms []string
	// Emulate are those of Platforms whose steps run by emulation, on the members of the builder
	// itself.
	Emulate []string
	// EmulateImage registers the emulators; empty means DefaultEmulateImage.
	EmulateImage string

	// Image is the daemon's image; empty means the official one of BuildKitVersion.
	Image string
	// Mode is how the daemon runs, one of Modes, or ModeAuto; empty means ModePrivileged.
	Mode string
	// StepNetwork is the network of RUN steps, one of StepNetworks; empty means StepNetworkHost.
	StepNetwork string
	// Config is the text of the user's buildkitd.toml.
	Config []byte
	// Mirrors lists, per registry host, the mirrors to ask first.
	Mirrors map[string][]string
	// InsecureRegistries are hosts to be reached without verified TLS, or with plain HTTP.
	InsecureRegistries []string
	// RegistryCA holds PEM certificates that the daemon and the clients trust for every registry,
	// besides the system's.
	RegistryCA []byte

	// Requests and Limits are the resources of each member.
	Requests, Limits corev1.ResourceList
	// NodeSelector restricts the nodes of the members, besides kubernetes.io/os=linux.
	NodeSelector map[string]string
	// Tolerations let members run on tainted nodes.
	Tolerations []corev1.Toleration
	// PriorityClass, RuntimeClass and Scheduler are those of the members; empty means the cluster's
	// defaults.
	PriorityClass, RuntimeClass, Scheduler string
	// Affinity is the text, YAML or JSON, of a corev1.Affinity; see ParseAffinity.
	Affinity []byte
	// TopologySpread says over which nodes the members are spread. They have no selectors: those of
	// the builder are meant. Without any, several members go to different nodes where they can.
	TopologySpread []corev1.TopologySpreadConstraint
	// DisruptionBudget is how many members may be away at once for the sake of their nodes, e.g.
	// "1" or "25%"; empty means that nothing says so.
	DisruptionBudget string
	// ImagePullSecrets are the Secrets with which the nodes pull Image.
	ImagePullSecrets []string
	// ServiceAccount is the account of the members; they never get its token.
	ServiceAccount string
	// Labels and Annotations are added to every object.
	Labels, Annotations map[string]string
	// Patch is the text of strategic merge patches of the builder's objects; see ParsePatches.
	Patch []byte
	// Env is added to the daemon's environment, e.g. HTTPS_PROXY.
	Env []corev1.EnvVar

	// Replicas is the number of members; 0 means 1.
	Replicas int32
	// MaxBuilds is how many builds a member runs at once; its clients let the others wait. 0 means
	// no limit.
	MaxBuilds int32
	// Storage is the size of each member's volume; nil means the node's disk, which is lost with
	// the Pod.
	Storage *resource.Quantity
	// StorageClass is the class of the volumes; empty means the cluster's default.
	StorageClass string
	// Metrics serves the metrics of each member on MetricsPort.
	Metrics bool
	// GracePeriod is how long running builds may continue once a member is told to stop; 0 means
	// DefaultGracePeriod.
	GracePeriod time.Duration
}

// DefaultImage is the official image of BuildKitVersion.
func DefaultImage(rootless bool) string {
	image := ImageRepository + ":" + BuildKitVersion
	if rootless {
		image += "-rootless"
	}
	return image
}

// IsDefaultImage reports whether the image is what DefaultImage returns in this or another version
// of this program.
func IsDefaultImage(image string, rootless bool) bool {
	tag, official := strings.CutPrefix(image, ImageRepository+":v")
	version, slim := strings.CutSuffix(tag, "-rootless")
	return official && slim == rootless && version != "" && strings.Trim(version, "0123456789.") == ""
}

// WithDefaults returns the Spec with every empty field that has a default filled in.
func (s Spec) WithDefaults() Spec {
	if s.Name == "" {
		s.Name = DefaultName
	}
	if s.Image == "" {
		s.Image = DefaultImage(s.Rootless())
	}
	if s.Replicas == 0 {
		s.Replicas = 1
	}
	if s.GracePeriod == 0 {
		s.GracePeriod = DefaultGracePeriod
	}
	return s
}

// Stateful says whether the builder is a StatefulSet: it is when it has several members or volumes
// of its own.
func (s Spec) Stateful() bool { return s.Replicas > 1 || s.Storage != nil }

// MemberNames are the names of the builder's Pods.
func (s Spec) MemberNames() []string { return MemberNames(s.Name, max(s.Replicas, 1), s.Stateful()) }

// RunMode is the value of AnnotationMode.
func (s Spec) RunMode() string { return cmp.Or(s.Mode, ModePrivileged) }

// Rootless reports whether the daemon runs as user 1000, from the image for that.
func (s Spec) Rootless() bool { return s.Mode == ModeRootless }

// Socket is the daemon's unix socket in this mode, as an address, e.g.
// "unix:///run/buildkit/buildkitd.sock".
func (s Spec) Socket() string {
	if s.Rootless() {
		return SocketRootless
	}
	return SocketPrivileged
}

// ObjectLabels are the labels of the builder's objects: the user's and ours.
func (s Spec) ObjectLabels() map[string]string {
	labels := maps.Clone(s.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, ObjectLabels(s.Name))
	if s.Family != "" {
		labels[LabelFamily] = s.Family
	}
	return labels
}
