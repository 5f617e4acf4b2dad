package explain

import "testing"

// A next step that is pasted acts where the command did that printed it.
func TestPasteable(t *testing.T) {
	other := Selection{Namespace: "of team", Builder: "arm"}
	for next, want := range map[string]string{
		"kubectl buildkit history list, which shows them":     "kubectl buildkit history list --builder arm -n 'of team', which shows them",
		"kubectl buildkit install, which renews it":           "kubectl buildkit install arm -n 'of team', which renews it",
		"first: kubectl buildkit install b -n ns; then build": "first: kubectl buildkit install b -n ns; then build",
		"build first: kubectl buildkit build .":               "build first: kubectl buildkit build . --builder arm -n 'of team'",
		"kubectl buildkit list -A":                            "kubectl buildkit list -A",
		"kubectl buildkit login r.io:5000":                    "kubectl buildkit login r.io:5000",
		"kubectl get pod b -n ns -o yaml":                     "kubectl get pod b -n ns -o yaml",
		"kubectl buildkit install --help":                     "kubectl buildkit install --help",
	} {
		if got := other.Pasteable(next); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	refused := Selection{Namespace: "ns", Builder: "ci", Install: "kubectl buildkit install ci -n ns --rootless --limit cpu=2"}
	for next, want := range map[string]string{
		"less: kubectl buildkit install ci -n ns --limit memory=1Gi; or kubectl describe quota -n ns": "less: " + refused.Install + " --limit memory=1Gi; or kubectl describe quota -n ns",
		"kubectl buildkit install ci -n ns --force, which gives it up":                                refused.Install + " --force, which gives it up",
		"kubectl buildkit install ci-2 -n ns --limit memory=1Gi":                                      "kubectl buildkit install ci-2 -n ns --limit memory=1Gi",
		"kubectl buildkit install ci -n ns, which goes on":                                            "kubectl buildkit install ci -n ns, which goes on",
		"kubectl buildkit install ci -n ns --unset storage --yes":                                     "kubectl buildkit install ci -n ns --unset storage --yes",
		refused.Install + " --yes":                                                                    refused.Install + " --yes",
		"kubectl buildkit install ci -n ns --limit cpu=2":                                             refused.Install,
	} {
		if got := refused.Pasteable(next); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	chosen := Selection{Cluster: [][2]string{{"--kubeconfig", "a b"}, {"--context", "prod"}}}
	for next, want := range map[string]string{
		"kubectl buildkit install --yes; see kubectl logs p": "kubectl buildkit --kubeconfig 'a b' --context prod install --yes; see kubectl --kubeconfig 'a b' --context prod logs p",
		"kubectl buildkit --context prod install --yes":      "kubectl buildkit --context prod install --yes",
		"check the file": "check the file",
	} {
		if got := chosen.Pasteable(next); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
