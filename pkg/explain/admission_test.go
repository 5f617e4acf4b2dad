package explain

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

func TestRefusedObjectsGetTheFlagThatHelps(t *testing.T) {
	const quota, other = "the quota", "the cluster"
	takes := kube.Usage(corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{"memory": resource.MustParse("8Gi")},
		Requests: corev1.ResourceList{"memory": resource.MustParse("6Gi")},
	}}}})
	for name, test := range map[string]struct{ by, kind, object, message, want string }{
		"limits not named": {quota, "Pod", "team", "failed quota: q: must specify limits.cpu for: buildkitd; limits.memory for: buildkitd",
			"say what it needs, e.g.: kubectl buildkit install team -n ns --limit cpu=2,memory=4Gi"},
		"both, as older servers": {quota, "Pod", "team-0", "failed quota: q: must specify limits.cpu,requests.memory",
			"say what it needs, e.g.: kubectl buildkit install team -n ns --limit cpu=2 --request memory=4Gi"},
		"plain names": {quota, "Pod", "team", "failed quota: q: must specify cpu for: buildkitd", "say what it needs, e.g.: kubectl buildkit install team -n ns --request cpu=2"},
		"too many objects": {quota, "Secret", "team-client", "exceeded quota: q, requested: secrets=1, used: secrets=1, limited: secrets=1",
			"ask an administrator for more: kubectl describe quota -n ns"},
		"too many Pods": {quota, "Pod", "team", "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
			"ask an administrator for more: kubectl describe quota -n ns"},
		"too much memory": {quota, "Pod", "team", "exceeded quota: q, requested: limits.memory=8Gi, used: limits.memory=0, limited: limits.memory=1Gi",
			"reserve what the quota leaves: kubectl buildkit install team -n ns --limit memory=1Gi --request memory=1Gi; or ask an administrator for more: kubectl describe quota -n ns"},
		"a quota that others use up": {quota, "Pod", "team", "exceeded quota: q, requested: limits.memory=8Gi, used: limits.memory=1Gi, limited: limits.memory=1Gi",
			"ask an administrator for more: kubectl describe quota -n ns"},
		"too many of both": {quota, "Pod", "team", "exceeded quota: q, requested: pods=1,requests.cpu=8, used: pods=1,requests.cpu=1, limited: pods=1,requests.cpu=4",
			"ask an administrator for more: kubectl describe quota -n ns"},
		"less is requested": {quota, "Pod", "team", "exceeded quota: q, requested: requests.memory=6Gi, used: requests.memory=0, limited: requests.memory=4Gi",
			"reserve what the quota leaves: kubectl buildkit install team -n ns --request memory=4Gi; or ask an administrator for more: kubectl describe quota -n ns"},
		"above a range": {other, "Pod", "team", "maximum cpu usage per Container is 1, but limit is 2", "kubectl buildkit install team -n ns --limit cpu=1"},
		"several": {other, "Pod", "team", "[maximum cpu usage per Container is 1, but limit is 2, minimum memory usage per Container is 64Mi, but request is 1Mi]",
			"kubectl buildkit install team -n ns --limit cpu=1 --request memory=64Mi"},
		"nothing named in a range": {other, "Pod", "team", "maximum memory usage per Container is 1Gi, but no limit is specified", "kubectl buildkit install team -n ns --limit memory=1Gi --request memory=1Gi"},
		"a ratio":                  {other, "Pod", "team", "memory max limit to request ratio per Container is 4, but provided ratio is 8.000000", "kubectl buildkit install team -n ns --request memory=2Gi"},
		"OpenShift": {other, "Pod", "team", `unable to validate against any security context constraint: [provider "anyuid": Forbidden]`,
			"ask an administrator: oc adm policy add-scc-to-user privileged -z default -n ns"},
		"no such priority": {other, "Pod", "team", "no PriorityClass with name high was found", "give --priority-class one of the cluster's: kubectl get priorityclasses"},
		"no such runtime":  {other, "Pod", "team", `pod rejected: RuntimeClass "kata" not found`, "give --runtime-class one of the cluster's: kubectl get runtimeclasses"},
		"another webhook":  {`the webhook "w"`, "Pod", "team", "no", ""},
	} {
		if got := nextForRefusal(&kube.AdmissionError{By: test.by, Kind: test.kind, Name: test.object, Namespace: "ns", Message: test.message, Takes: takes}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
