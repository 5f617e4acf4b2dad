package builder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FieldPatch is the What of a *usage.Error about the user's patches.
const FieldPatch = "patch"

// Patch is a strategic merge patch of one of the builder's objects.
type Patch struct {
	// Kind is that of the object. "Pod" means every member, also of a StatefulSet.
	Kind string
	// Name is the object's; empty where there is only one of that kind.
	Name string
	// Fields are those of the object that change, as JSON.
	Fields map[string]any
}

// patchable are the kinds of a builder's objects, with the versions of their APIs.
func patchable() map[string]string {
	return map[string]string{
		"Pod": "v1", "Secret": "v1", "ConfigMap": "v1", "StatefulSet": "apps/v1", "Role": "rbac.authorization.k8s.io/v1", "PodDisruptionBudget": "policy/v1",
	}
}

// ParsePatches reads patches: a YAML or JSON document for each, which names the kind of the object
// and, where there are several of it, its name. What a patch may not change is judged by its
// result.
func ParsePatches(text []byte) ([]Patch, error) {
	const hint = "write a document for each object, with its kind and the fields that change"
	documents, err := jsonDocuments(text)
	if err != nil {
		return nil, invalid(FieldPatch, "", err.Error(), hint)
	}
	patches := make([]Patch, 0, len(documents))
	for n, document := range documents {
		patch, err := parsePatch(document)
		if err != nil {
			return nil, invalid(FieldPatch, fmt.Sprintf("document %d", n+1), err.Error(), hint)
		}
		patches = append(patches, patch)
	}
	if len(patches) == 0 {
		return nil, invalid(FieldPatch, "", "it has no document", hint)
	}
	return patches, nil
}

func parsePatch(document []byte) (Patch, error) {
	patch := Patch{}
	if err := json.Unmarshal(document, &patch.Fields); err != nil {
		return patch, fmt.Errorf("it is not an object")
	}
	versions := patchable()
	patch.Kind, _ = patch.Fields["kind"].(string)
	version, known := versions[patch.Kind]
	if !known {
		return patch, fmt.Errorf("kind %q: must be one of: %s", patch.Kind, strings.Join(slices.Sorted(maps.Keys(versions)), ", "))
	}
	if wanted, given := patch.Fields["apiVersion"]; given && wanted != version {
		return patch, fmt.Errorf("apiVersion %q: that of a %s is %s", fmt.Sprint(wanted), patch.Kind, version)
	}
	delete(patch.Fields, "kind")
	delete(patch.Fields, "apiVersion")
	if metadata, ok := patch.Fields["metadata"].(map[string]any); ok {
		name, given := metadata["name"]
		if patch.Name, ok = name.(string); given && (!ok || patch.Name == "") {
			return patch, fmt.Errorf("metadata.name: it is not a name")
		}
		delete(metadata, "name")
		if len(metadata) == 0 {
			delete(patch.Fields, "metadata")
		}
	}
	if _, given := patch.Fields["status"]; given {
		return patch, fmt.Errorf("status: the cluster writes it")
	}
	if len(patch.Fields) == 0 {
		return patch, fmt.Errorf("it changes nothing")
	}
	return patch, nil
}

// validatePatch judges the form of the patches.
func (s Spec) validatePatch() error {
	if len(s.Patch) == 0 {
		return nil
	}
	_, err := ParsePatches(s.Patch)
	return err
}
