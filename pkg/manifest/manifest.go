// Package manifest turns a builder's Spec and its certificates into Kubernetes objects, and objects into YAML.
//
// It is pure: the same input gives the same bytes, without a cluster.
package manifest

import (
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Object is any Kubernetes object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Objects are the builder's objects in the order of applying.
func Objects(spec builder.Spec, certificates *trust.Certificates) ([]Object, error) {
	return nil, errors.New("not implemented")
}

// YAML prints objects as a stream of documents.
func YAML(objects []Object) ([]byte, error) {
	return nil, errors.New("not implemented")
}
