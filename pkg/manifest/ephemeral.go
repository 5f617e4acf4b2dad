package manifest

import (
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// ephemeralKept is how long, in seconds, the Job of a builder for one build stays after its Pod has
// ended by itself: long enough for the client to see why.
const ephemeralKept = 15

// Ephemeral is the objects of a builder for one build.
type Ephemeral struct {
	// Job makes the Pod, and owns the other objects: all go with it.
	Job *batchv1.Job
	// Owned are the Secret of the daemon, without the client's certificates, and the ConfigMap.
	Owned []Object
	// Client is the client's side of the builder, which is not written to the cluster.
	Client *corev1.Secret
	// Pod is what the Job's controller makes, for asking whether the cluster would accept it.
	Pod *corev1.Pod
}

// NewEphemeral returns the objects of a builder for one build, whose Spec is one of
// builder.Spec.Ephemeral. The cluster removes the Job that many seconds after it was made, unless
// the client puts that off.
func NewEphemeral(spec builder.Spec, certificates *trust.Certificates, seconds int64) (*Ephemeral, error) {
	objects, err := New(spec, certificates)
	if err != nil {
		return nil, err
	}
	config, server, pod := objects.Config().(*corev1.ConfigMap), objects.Server, objects.Pod
	delete(config.Data, keySettings) // nothing is installed again from them
	delete(server.Data, keyClientCert)
	delete(server.Data, keyClientKey)
	// A daemon that has ended is not started again: its cache and its build are lost.
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &Ephemeral{
		Job: &batchv1.Job{
			TypeMeta:   metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"},
			ObjectMeta: objectMeta(spec, spec.Name),
			Spec: batchv1.JobSpec{
				BackoffLimit:            new(int32(0)),
				ActiveDeadlineSeconds:   &seconds,
				TTLSecondsAfterFinished: new(int32(ephemeralKept)),
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(pod.Labels), Annotations: maps.Clone(pod.Annotations)},
					Spec:       *pod.Spec.DeepCopy(),
				},
			},
		},
		Owned: []Object{server, config}, Client: objects.Client, Pod: pod,
	}, nil
}

// SetOwner makes the Job, as the cluster has it, the owner of the other objects: the cluster
// removes them with it.
func (e *Ephemeral) SetOwner(job *batchv1.Job) {
	owner := metav1.OwnerReference{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job", Name: job.Name, UID: job.UID}
	for _, object := range e.Owned {
		object.SetOwnerReferences([]metav1.OwnerReference{owner}) // each its own: they are written at once
	}
}
