package builder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// storedVersion is the version of the form in which a Spec is stored. It rises when an older reader
// would misunderstand.
const storedVersion = 1

// stored is a Spec as it is kept with the builder: what was asked for, without defaults, so that a
// default can follow the version of this program. Name, namespace and registry CA are not in it:
// the object that holds it has them.
type stored struct {
	Version            int                 `json:"version"`
	Family             string              `json:"family,omitempty"`
	Platforms          []string            `json:"platforms,omitempty"`
	Emulate            []string            `json:"emulate,omitempty"`
	EmulateImage       string              `json:"emulateImage,omitempty"`
	Image              string              `json:"image,omitempty"`
	Rootless           bool                `json:"rootless,omitempty"` // ModeRootless, as older versions read it
	Mode               string              `json:"mode,omitempty"`     // any other mode but the default
	StepNetwork        string              `json:"stepNetwork,omitempty"`
	Config             string              `json:"config,omitempty"`
	Mirrors            map[string][]string `json:"registryMirrors,omitempty"`
	InsecureRegistries []string            `json:"insecureRegistries,omitempty"`
	Requests           corev1.ResourceList `json:"requests,omitempty"`
	Limits             corev1.ResourceList `json:"limits,omitempty"`
	NodeSelector       map[string]string   `json:"nodeSelector,omitempty"`
	Tolerations        []corev1.Toleration `json:"tolerations,omitempty"`
	PriorityClass      string              `json:"priorityClass,omitempty"`
	RuntimeClass       string              `json:"runtimeClass,omitempty"`
	Scheduler          string              `json:"scheduler,omitempty"`
	Affinity           string              `json:"affinity,omitempty"`
	TopologySpread     []string            `json:"topologySpread,omitempty"`
	DisruptionBudget   string              `json:"podDisruptionBudget,omitempty"`
	Patch              string              `json:"patch,omitempty"`
	ImagePullSecrets   []string            `json:"imagePullSecrets,omitempty"`
	ServiceAccount     string              `json:"serviceAccount,omitempty"`
	Labels             map[string]string   `json:"labels,omitempty"`
	Annotations        map[string]string   `json:"annotations,omitempty"`
	Env                []corev1.EnvVar     `json:"env,omitempty"`
	Replicas           int32               `json:"replicas,omitempty"`
	MaxBuilds          int32               `json:"maxBuilds,omitempty"`
	Storage            *resource.Quantity  `json:"storage,omitempty"`
	StorageClass       string              `json:"storageClass,omitempty"`
	Metrics            bool                `json:"metrics,omitempty"`
	GracePeriod        string              `json:"gracePeriod,omitempty"`
}

// Marshal returns the Spec as JSON, for Unmarshal. The same Spec gives the same bytes.
func (s Spec) Marshal() ([]byte, error) {
	form := stored{
		Version: storedVersion,
		Family:  s.Family, Platforms: s.Platforms, Emulate: s.Emulate, EmulateImage: s.EmulateImage,
		Image: s.Image, Rootless: s.Rootless(), StepNetwork: s.StepNetwork, Config: string(s.Config), Mirrors: s.Mirrors, InsecureRegistries: s.InsecureRegistries,
		Requests: s.Requests, Limits: s.Limits, NodeSelector: s.NodeSelector, Tolerations: s.Tolerations,
		ImagePullSecrets: s.ImagePullSecrets, ServiceAccount: s.ServiceAccount, Labels: s.Labels, Annotations: s.Annotations,
		PriorityClass: s.PriorityClass, RuntimeClass: s.RuntimeClass, Scheduler: s.Scheduler, Affinity: string(s.Affinity),
		TopologySpread: spreadTexts(s.TopologySpread), DisruptionBudget: s.DisruptionBudget, Patch: string(s.Patch),
		Env: s.Env, Replicas: s.Replicas, MaxBuilds: s.MaxBuilds, Storage: s.Storage, StorageClass: s.StorageClass, Metrics: s.Metrics,
	}
	if !s.Rootless() && s.Mode != ModePrivileged {
		form.Mode = s.Mode
	}
	if s.GracePeriod != 0 {
		form.GracePeriod = s.GracePeriod.String()
	}
	text, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("storing the settings of builder %q: %w", s.Name, err)
	}
	return text, nil
}

// Unmarshal reads what Marshal wrote. Name, Namespace and RegistryCA are the caller's to set. A
// form that a newer version of this program wrote is a *usage.Error: what is not understood would
// be lost with the next change.
func Unmarshal(text []byte) (Spec, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return Spec{}, fmt.Errorf("reading the stored settings: %w", err)
	}
	if version.Version != storedVersion {
		return Spec{}, &usage.Error{
			What: fmt.Sprintf("the stored settings are of version %d, and this program reads version %d", version.Version, storedVersion),
			Next: "use the version of this plugin that stored them, or a newer one",
		}
	}
	var form stored
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&form); err != nil {
		return Spec{}, fmt.Errorf("reading the stored settings: %w", err)
	}
	return form.spec()
}

// spec is the Spec of that form.
func (form stored) spec() (spec Spec, err error) {
	spec = Spec{
		Family: form.Family, Platforms: form.Platforms, Emulate: form.Emulate, EmulateImage: form.EmulateImage,
		Image: form.Image, Mode: form.Mode, StepNetwork: form.StepNetwork, Config: bytesOf(form.Config), Mirrors: form.Mirrors, InsecureRegistries: form.InsecureRegistries,
		Requests: form.Requests, Limits: form.Limits, NodeSelector: form.NodeSelector, Tolerations: form.Tolerations,
		PriorityClass: form.PriorityClass, RuntimeClass: form.RuntimeClass, Scheduler: form.Scheduler, Affinity: bytesOf(form.Affinity),
		DisruptionBudget: form.DisruptionBudget, Patch: bytesOf(form.Patch),
		ImagePullSecrets: form.ImagePullSecrets, ServiceAccount: form.ServiceAccount, Labels: form.Labels,
		Annotations: form.Annotations, Env: form.Env, Replicas: form.Replicas, MaxBuilds: form.MaxBuilds,
		Storage: form.Storage, StorageClass: form.StorageClass, Metrics: form.Metrics,
	}
	if form.Rootless {
		spec.Mode = ModeRootless
	}
	if spec.TopologySpread, err = ParseTopologySpread(form.TopologySpread...); err == nil && form.GracePeriod != "" {
		spec.GracePeriod, err = time.ParseDuration(form.GracePeriod)
	}
	if err != nil {
		return Spec{}, fmt.Errorf("reading the stored settings: %w", err)
	}
	return spec, nil
}

// bytesOf is the text; nil if it is empty.
func bytesOf(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}
