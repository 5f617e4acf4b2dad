// Package manifest turns a builder's Spec and its certificates into Kubernetes objects, and objects into YAML.
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
	// Support are the ConfigMap and the Role.
	Support []Object
	// Workload is the Pod or the StatefulSet.
	Workload Object
	// Pod is one member as the workload will make it, for asking whether the cluster would accept it.
	Pod *corev1.Pod
}

// New makes the objects. The Spec must be valid; what it leaves to the defaults is filled in, but not stored.
func New(spec builder.Spec, certificates *trust.Certificates) (*Builder, error) {
	settings, err := spec.Marshal()
	if err != nil {
		return nil, err
	}
	spec = spec.WithDefaults()
	config, err := spec.DaemonConfig()
	if err != nil {
		return nil, err
	}
	client, err := clientSecret(spec, certificates)
	if err != nil {
		return nil, err
	}
	pod := memberPod(spec)
	pod.Annotations[builder.AnnotationTrust] = certificates.Fingerprint()
	hash, err := fingerprint(pod, config, spec.RegistryCA)
	if err != nil {
		return nil, err
	}
	pod.Annotations[builder.AnnotationSpec] = hash
	objects := &Builder{
		Server:   serverSecret(spec, certificates),
		Client:   client,
		Support:  []Object{configMap(spec, config, settings), userRole(spec)},
		Workload: pod,
		Pod:      pod,
	}
	if spec.Stateful() {
		objects.Workload = statefulSet(spec, pod)
		objects.Pod = firstMember(spec, pod)
	}
	return objects, nil
}

// All are the objects in the order of applying: what a Pod mounts comes before the Pod.
func (b *Builder) All() []Object {
	return append(append([]Object{b.Server, b.Client}, b.Support...), b.Workload)
}

// fingerprint identifies all that a member is started with.
func fingerprint(pod *corev1.Pod, config string, registryCA []byte) (string, error) {
	text, err := json.Marshal([]any{pod, config, registryCA})
	if err != nil {
		return "", fmt.Errorf("describing the Pod: %w", err)
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

// Fields are the fields that a person, or server-side apply, would write: no status, no bookkeeping, nothing empty
// that only the Go types add.
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

// pruneEmpty removes what the Go types write although nobody set it: empty resources and null timestamps. An emptyDir
// is empty and means something.
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
