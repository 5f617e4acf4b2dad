package manifest

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// configMap holds what the members mount, and the settings that the next install starts from: it
// outlives the Pod.
func configMap(spec builder.Spec, config string, settings []byte, provenance string) *corev1.ConfigMap {
	object := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: objectMeta(spec, builder.ConfigName(spec.Name)),
		Data:       map[string]string{keyConfig: config, keySettings: string(settings)},
	}
	if provenance != "" {
		object.Data[keyProvenance] = provenance
	}
	if len(spec.RegistryCA) > 0 {
		object.Data[keyRegistryCA] = string(spec.RegistryCA)
	}
	return object
}

// StoredSpec reads the Spec that a builder's ConfigMap holds, without its defaults; known is false
// for a ConfigMap of a version that did not store it.
func StoredSpec(name string, config *corev1.ConfigMap) (spec builder.Spec, known bool, err error) {
	text, known := config.Data[keySettings]
	if !known {
		return builder.Spec{}, false, nil
	}
	if spec, err = builder.Unmarshal([]byte(text)); err != nil {
		return builder.Spec{}, true, fmt.Errorf("reading ConfigMap %q: %w", config.Name, err)
	}
	spec.Name, spec.Namespace = name, config.Namespace
	if ca := config.Data[keyRegistryCA]; ca != "" {
		spec.RegistryCA = []byte(ca)
	}
	return spec, true, nil
}

// SetSettings makes the ConfigMap store the settings of other objects of the builder.
func SetSettings(config *corev1.ConfigMap, from *Builder) {
	if other, ok := from.Config().(*corev1.ConfigMap); ok {
		config.Data[keySettings] = other.Data[keySettings]
	}
}

// SetDaemonConfig makes the ConfigMap hold what the daemons mounted that had another one.
func SetDaemonConfig(config, from *corev1.ConfigMap) {
	for _, key := range []string{keyConfig, keyRegistryCA} {
		delete(config.Data, key)
		if text, found := from.Data[key]; found {
			config.Data[key] = text
		}
	}
}

// HasRegistryCA reports whether the ConfigMap holds certificates for registries.
func HasRegistryCA(config *corev1.ConfigMap) bool { return config.Data[keyRegistryCA] != "" }
