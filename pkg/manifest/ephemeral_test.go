package manifest_test

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// The client's key stays with the client, no settings are left to install again, and all that the
// Job does not own itself goes with it.
func TestEphemeralObjects(t *testing.T) {
	certificates, err := trust.Issue(time.Now(), "own")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := builder.Spec{Replicas: 3, Metrics: true}.Ephemeral("own-1")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.NewEphemeral(spec, certificates, 90)
	if err != nil {
		t.Fatal(err)
	}
	job := objects.Job.DeepCopy()
	job.UID = "uid"
	objects.SetOwner(job)
	for _, object := range objects.Owned {
		owners := object.GetOwnerReferences()
		if len(owners) != 1 || owners[0].UID != "uid" || owners[0].APIVersion != batchv1.SchemeGroupVersion.String() || object.GetLabels()[builder.LabelEphemeral] == "" {
			t.Errorf("%T %s: %+v, %v", object, object.GetName(), owners, object.GetLabels())
		}
		switch object := object.(type) {
		case *corev1.Secret:
			for key, value := range object.Data {
				if slices.Equal(value, certificates.Client.Key) || slices.Equal(value, certificates.Client.Certificate) {
					t.Errorf("the Secret has the client's certificate in %s", key)
				}
			}
		case *corev1.ConfigMap:
			if _, known, err := manifest.StoredSpec("own-1", object); known || err != nil {
				t.Errorf("settings are stored: %v", err)
			}
		}
	}
	template := job.Spec.Template
	if *job.Spec.ActiveDeadlineSeconds != 90 || *job.Spec.TTLSecondsAfterFinished == 0 || *job.Spec.BackoffLimit != 0 ||
		template.Spec.RestartPolicy != corev1.RestartPolicyNever || len(template.Spec.Containers) != 1 || template.Labels[builder.LabelInstance] != "own-1" {
		t.Errorf("got %+v", job.Spec)
	}
}
