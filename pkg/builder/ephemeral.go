package builder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxEphemeralPrefix leaves room in a label for the part that tells ephemeral builders apart.
const maxEphemeralPrefix = 43

// EphemeralName is the name of a builder for one build that has the settings of the builder of that
// name; unique is what no other such builder has, e.g. "1f2e3d4c".
func EphemeralName(name, unique string) string {
	return strings.TrimRight(name[:min(len(name), maxEphemeralPrefix)], "-.") + "-" + unique
}

// NotEphemeral are the names of the settings that a builder for one build does not have: it has one
// member, one build, and no volume.
func NotEphemeral() []string {
	return []string{
		"replicas", "max-builds", SettingStorage, "storage-class", settingBudget, "topology-spread", "metrics", "platform", "emulate", "emulate-image",
	}
}

// Ephemeral returns the Spec of a builder for one build that is like this one and has another name:
// one Pod without a volume. Of the patches, those of Pods apply.
func (s Spec) Ephemeral(name string) (Spec, error) {
	for _, setting := range NotEphemeral() {
		s = s.Without(setting, "")
	}
	s.Name, s.Family, s.Labels = name, "", maps.Clone(s.Labels)
	if s.Labels == nil {
		s.Labels = map[string]string{}
	}
	s.Labels[LabelEphemeral] = "true"
	if len(s.Patch) == 0 {
		return s, nil
	}
	patches, err := ParsePatches(s.Patch)
	if err != nil {
		return s, err
	}
	s.Patch = nil
	for _, patch := range slices.DeleteFunc(patches, func(p Patch) bool { return p.Kind != "Pod" }) {
		patch.Fields["kind"] = patch.Kind
		document, err := json.Marshal(patch.Fields)
		if err != nil {
			return s, fmt.Errorf("printing a patch: %w", err)
		}
		s.Patch = append(append(s.Patch, "---\n"...), append(document, '\n')...)
	}
	return s, nil
}
