// Package manifest turns a builder's Spec and its certificates into Kubernetes objects, reads them
// back from objects, and prints objects as YAML.
//
// It is pure: the same input gives the same bytes, without a cluster.
package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Object is any Kubernetes object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Builder is all the objects of one builder.
type Builder struct {
	// Server and Client are the Secrets of the two sides.
	Server, Client *corev1.Secret
	// Support are the ConfigMap, the Role, and the PodDisruptionBudget where one is asked for.
	Support []Object
	// Workload is the Pod or the StatefulSet.
	Workload Object
	// Pod is one member as the workload will make it, for asking whether the cluster would accept
	// it.
	Pod *corev1.Pod
}

// New returns the objects, whose members start with these certificates. The Spec must be valid;
// what it leaves to the defaults is filled in, but not stored.
func New(spec builder.Spec, certificates *trust.Certificates) (*Builder, error) {
	return NewStarted(spec, certificates, Started{Certificates: certificates.Fingerprint(), CacheLimits: spec.CacheLimits(), Defaults: builder.CurrentDefaults})
}

// NewStarted is New for members that run already, and keep what they were started with until they
// are restarted.
func NewStarted(spec builder.Spec, certificates *trust.Certificates, started Started) (*Builder, error) {
	settings, err := spec.Marshal()
	if err != nil {
		return nil, err
	}
	spec = spec.WithDefaults()
	config, err := spec.DaemonConfig(started.Defaults)
	if err != nil {
		return nil, err
	}
	provenance, err := spec.Provenance(started.Defaults)
	if err != nil {
		return nil, err
	}
	client, err := clientSecret(spec, certificates)
	if err != nil {
		return nil, err
	}
	objects := &Builder{
		Server:  serverSecret(spec, certificates),
		Client:  client,
		Support: append([]Object{configMap(spec, config, settings, provenance), userRole(spec)}, budget(spec)...),
	}
	patches, err := patchesOf(spec)
	if err != nil {
		return nil, err
	}
	if err := objects.addWorkload(spec, patches, started, config); err != nil {
		return nil, err
	}
	if err := patches.apply(append([]Object{objects.Server, client}, objects.Support...)...); err != nil {
		return nil, err
	}
	return objects, patches.unused()
}

// addWorkload adds the members, which were started like that, and with that configuration.
func (b *Builder) addWorkload(spec builder.Spec, patches *patches, started Started, config string) error {
	pod, err := memberPod(spec, started)
	if err != nil {
		return err
	}
	pod.Annotations[builder.AnnotationTrust] = started.Certificates
	started.setLimits(&pod.Spec.Containers[0])
	if err := patches.apply(pod); err != nil {
		return err
	}
	b.Workload, b.Pod = pod, pod
	if !spec.Stateful() {
		pod.Annotations[builder.AnnotationSpec], err = fingerprint(pod, config, spec.RegistryCA)
		return err
	}
	set := statefulSet(spec, pod, started.Defaults)
	made := set.Spec.Template.DeepCopy()
	if err := patches.apply(set); err != nil {
		return err
	}
	template := &set.Spec.Template
	if !reflect.DeepEqual(made, template) {
		pod.Labels, pod.Annotations, pod.Spec = maps.Clone(template.Labels), maps.Clone(template.Annotations), *template.Spec.DeepCopy()
	}
	hash, err := fingerprint(pod, config, spec.RegistryCA)
	if err != nil {
		return err
	}
	pod.Annotations[builder.AnnotationSpec], template.Annotations[builder.AnnotationSpec] = hash, hash
	b.Workload, b.Pod = set, firstMember(spec, pod)
	set.Annotations[builder.AnnotationSpec], err = fingerprint(set)
	return err
}

// Config is the ConfigMap, which is the first of the Support.
func (b *Builder) Config() Object { return b.Support[0] }

// All are the objects in the order of applying: what a Pod mounts comes before the Pod.
func (b *Builder) All() []Object {
	return append(append([]Object{b.Server, b.Client}, b.Support...), b.Workload)
}

// fingerprint identifies all that a member is started with, or a whole workload.
func fingerprint(parts ...any) (string, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("describing the workload: %w", err)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// objectMeta is the metadata that all objects share.
func objectMeta(spec builder.Spec, name string) metav1.ObjectMeta {
	annotations := maps.Clone(spec.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	return metav1.ObjectMeta{
		Name:        name,
		Namespace:   spec.Namespace,
		Labels:      spec.ObjectLabels(),
		Annotations: annotations,
	}
}

// YAML prints objects as a stream of documents, without the status and the server's bookkeeping.
func YAML(objects []Object) ([]byte, error) {
	var text bytes.Buffer
	for i, object := range objects {
		fields, err := Fields(object)
		if err != nil {
			return nil, err
		}
		document, err := yaml.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("printing %s: %w", object.GetName(), err)
		}
		if i > 0 {
			text.WriteString("---\n")
		}
		text.Write(document)
	}
	return text.Bytes(), nil
}

// Fields are the fields that a person, or server-side apply, would write: no status, no
// bookkeeping, nothing empty that only the Go types add.
func Fields(object Object) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("printing %s: %w", object.GetName(), err)
	}
	delete(fields, "status")
	metadata, _ := fields["metadata"].(map[string]any)
	for _, key := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"} {
		delete(metadata, key)
	}
	if annotations, ok := metadata["annotations"].(map[string]any); ok && len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	pruneEmpty(fields)
	return fields, nil
}

// Holds reports whether an object of the cluster says all that wanted says, and has no data
// besides. What the API server and other clients add elsewhere does not count, nor which run wrote
// it.
func Holds(existing, wanted Object) (bool, error) {
	has, err := Fields(existing)
	if err != nil {
		return false, err
	}
	wants, err := Fields(wanted)
	if err != nil {
		return false, err
	}
	delete(wants, "apiVersion")
	delete(wants, "kind")
	if metadata, ok := wants["metadata"].(map[string]any); ok {
		if annotations, ok := metadata["annotations"].(map[string]any); ok {
			delete(annotations, builder.AnnotationRun)
		}
	}
	hasData, _ := has["data"].(map[string]any)
	wantsData, _ := wants["data"].(map[string]any)
	return len(hasData) == len(wantsData) && within(wants, has), nil
}

// within reports whether has is wants, or has more keys.
func within(wants, has any) bool {
	switch wants := wants.(type) {
	case map[string]any:
		has, ok := has.(map[string]any)
		if !ok && len(wants) > 0 {
			return false
		}
		for key, value := range wants {
			if other, ok := has[key]; !ok || !within(value, other) {
				return false
			}
		}
		return true
	case []any:
		has, ok := has.([]any)
		return ok && slices.EqualFunc(wants, has, within)
	}
	return reflect.DeepEqual(wants, has)
}

// pruneEmpty removes what the Go types write although it was not set: empty resources and null
// timestamps. An emptyDir is empty and means something.
func pruneEmpty(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			pruneEmpty(child)
			empty, isMap := child.(map[string]any)
			drop := child == nil || isMap && len(empty) == 0 && (key == "resources" || key == "strategy" ||
				key == "status" || key == "updateStrategy" || key == "metadata")
			if drop {
				delete(value, key)
			}
		}
	case []any:
		for _, child := range value {
			pruneEmpty(child)
		}
	}
}
