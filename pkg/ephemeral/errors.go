package ephemeral

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// RefusedError is returned where the cluster does not accept the Pod of a builder for one build:
// Pod Security, a quota or a webhook.
type RefusedError struct {
	// Builder is the builder that its settings are of.
	Builder string
	Err     *kube.AdmissionError
}

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// Class returns fault.Denied.
func (*RefusedError) Class() fault.Class { return fault.Denied }

// refusalOf reads the event of a Job whose Pod the cluster does not accept: "Error creating: pods
// "x" is forbidden: exceeded quota: …".
func refusalOf(said *corev1.Event, like string) *RefusedError {
	by, message := kube.ReadRefusal(strings.TrimPrefix(said.Message, "Error creating: "))
	by = cmp.Or(by, "the cluster")
	refused := &kube.AdmissionError{By: by, Kind: kube.KindPod, Name: said.InvolvedObject.Name, Namespace: said.InvolvedObject.Namespace, Message: message}
	return &RefusedError{Builder: like, Err: refused}
}

// GoneError is returned for a builder for one build that does not run any more: nothing makes it
// again.
type GoneError struct{ Name string }

func (e *GoneError) Error() string {
	return fmt.Sprintf("builder %q was made for this build alone", e.Name)
}

// Class returns fault.Unavailable.
func (*GoneError) Class() fault.Class { return fault.Unavailable }
