package manifest

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// keyPrevious is the key of a builder's ConfigMap that exists while a roll-out has not ended.
const keyPrevious = "previous.json"

// Previous is what the members of a builder were before a roll-out that has not ended, and are
// again if it fails. It is stored, so that also the install after an interrupted one can go back.
type Previous struct {
	// Spec are the former settings, as they were stored.
	Spec builder.Spec
	// Image is the one that the members ran: a default image changes with the version of this
	// program.
	Image string
	// Next identifies the members of the roll-out: it is their builder.AnnotationSpec.
	Next string
}

// previousForm is Previous in JSON.
type previousForm struct {
	Settings   json.RawMessage `json:"settings"`
	RegistryCA string          `json:"registryCA,omitempty"`
	Image      string          `json:"image"`
	Next       string          `json:"next"`
}

// SetPrevious stores what a roll-out is rolled back to; nil removes it.
func SetPrevious(config *corev1.ConfigMap, previous *Previous) error {
	if previous == nil {
		delete(config.Data, keyPrevious)
		return nil
	}
	settings, err := previous.Spec.Marshal()
	if err != nil {
		return err
	}
	text, err := json.Marshal(previousForm{
		Settings: settings, RegistryCA: string(previous.Spec.RegistryCA), Image: previous.Image, Next: previous.Next,
	})
	if err != nil {
		return fmt.Errorf("storing the previous settings of builder %q: %w", previous.Spec.Name, err)
	}
	config.Data[keyPrevious] = string(text)
	return nil
}

// PreviousOf returns what a builder's ConfigMap stores of the time before a roll-out; nil if none
// is under way, or if it cannot be read: it is then not known what to go back to.
func PreviousOf(name string, config *corev1.ConfigMap) *Previous {
	text, found := config.Data[keyPrevious]
	if !found {
		return nil
	}
	var form previousForm
	if err := json.Unmarshal([]byte(text), &form); err != nil {
		return nil
	}
	spec, err := builder.Unmarshal(form.Settings)
	if err != nil {
		return nil
	}
	spec.Name, spec.Namespace = name, config.Namespace
	if form.RegistryCA != "" {
		spec.RegistryCA = []byte(form.RegistryCA)
	}
	return &Previous{Spec: spec, Image: form.Image, Next: form.Next}
}
