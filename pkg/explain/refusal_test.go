package explain

import (
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

func TestRefusedObjectsGetTheFlagThatHelps(t *testing.T) {
	const quota, other = "the quota", "the cluster"
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
		"too much memory": {quota, "Pod", "team", "exceeded quota: q, requested: limits.memory=8Gi,pods=1, used: limits.memory=0, limited: limits.memory=1Gi",
			"ask an administrator for more: kubectl describe quota -n ns, or reserve less with --request and --limit"},
		"above a range": {other, "Pod", "team", "maximum cpu usage per Container is 1, but limit is 2", "kubectl buildkit install team -n ns --limit cpu=1"},
		"several": {other, "Pod", "team", "[maximum cpu usage per Container is 1, but limit is 2, minimum memory usage per Container is 64Mi, but request is 1Mi]",
			"kubectl buildkit install team -n ns --limit cpu=1 --request memory=64Mi"},
		"nothing named in a range": {other, "Pod", "team", "maximum memory usage per Container is 1Gi, but no limit is specified", "kubectl buildkit install team -n ns --limit memory=1Gi"},
		"OpenShift": {other, "Pod", "team", `unable to validate against any security context constraint: [provider "anyuid": Forbidden]`,
			"ask an administrator: oc adm policy add-scc-to-user privileged -z default -n ns"},
		"another webhook": {`the webhook "w"`, "Pod", "team", "no", ""},
	} {
		if got := nextForRefusal(&kube.AdmissionError{By: test.by, Kind: test.kind, Name: test.object, Namespace: "ns", Message: test.message}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
