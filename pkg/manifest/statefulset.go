package manifest

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// statefulSet makes the members from the Pod: several of them, or one with a volume that outlives
// it.
func statefulSet(spec builder.Spec, pod *corev1.Pod, defaults builder.Defaults) *appsv1.StatefulSet {
	template := pod.DeepCopy()
	replicas := spec.Replicas
	set := &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "StatefulSet"},
		ObjectMeta: objectMeta(spec, spec.Name),
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas,
			// The members' names are not resolved, so this one has no Service.
			ServiceName: spec.Name,
			Selector:    &metav1.LabelSelector{MatchLabels: builder.ObjectLabels(spec.Name)},
			// Members do not know one another: start all at once.
			PodManagementPolicy: appsv1.ParallelPodManagement,
			UpdateStrategy:      appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: template.Labels, Annotations: template.Annotations},
				Spec:       template.Spec,
			},
		},
	}
	if len(template.Spec.TopologySpreadConstraints) == 0 && (spec.Replicas > 1 || defaults >= builder.TeamDefaults) {
		// Of one member as well: a template that changes with the number of members would restart
		// those that there are. Not in the Pod, which may have no controller.
		set.Spec.Template.Spec.TopologySpreadConstraints = spreadOverNodes(spec)
	}
	if spec.Storage != nil {
		set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{claim(spec)}
	}
	return set
}

// spread is what the Spec says of it, with the selector that finds the members.
func spread(spec builder.Spec) []corev1.TopologySpreadConstraint {
	constraints := slices.Clone(spec.TopologySpread)
	for n := range constraints {
		constraints[n].LabelSelector = &metav1.LabelSelector{MatchLabels: builder.ObjectLabels(spec.Name)}
	}
	return constraints
}

// spreadOverNodes puts the members on different nodes where it can: they compete for CPU and disk.
func spreadOverNodes(spec builder.Spec) []corev1.TopologySpreadConstraint {
	return []corev1.TopologySpreadConstraint{{
		MaxSkew:           1,
		TopologyKey:       corev1.LabelHostname,
		WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector:     &metav1.LabelSelector{MatchLabels: builder.ObjectLabels(spec.Name)},
	}}
}

func claim(spec builder.Spec) corev1.PersistentVolumeClaim {
	object := corev1.PersistentVolumeClaim{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
		ObjectMeta: metav1.ObjectMeta{Name: builder.VolumeName, Labels: builder.ObjectLabels(spec.Name)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: *spec.Storage},
			},
		},
	}
	if spec.StorageClass != "" {
		object.Spec.StorageClassName = new(spec.StorageClass)
	}
	return object
}

// firstMember is the Pod that the StatefulSet will make first, near enough for admission to judge
// it. Its volume is left out: the claim does not exist yet.
func firstMember(spec builder.Spec, pod *corev1.Pod) *corev1.Pod {
	member := pod.DeepCopy()
	member.Name = spec.MemberNames()[0]
	if spec.Storage != nil {
		member.Spec.Volumes = append(member.Spec.Volumes, corev1.Volume{
			Name: builder.VolumeName, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
	return member
}
