package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// installSituations are installs that are refused before they change anything.
func installSituations() []situation {
	storage := func(reason install.StorageReason, has string, classes ...string) *install.StorageError {
		return &install.StorageError{Name: "n", Namespace: "ns", Reason: reason, Has: has, Wants: "2Gi", Classes: classes}
	}
	purge := "kubectl buildkit uninstall n -n ns --purge"
	return []situation{
		{&install.UnownedError{Name: "n", Namespace: "ns", Found: []kube.Reference{{Kind: "Secret", Name: "n-server"}}, Missing: []kube.Reference{{Kind: "ConfigMap", Name: "n-config"}}},
			`has Secret "n-server" of a builder "n", but not ConfigMap "n-config"`, "kubectl buildkit install n -n ns --yes", CodeUsage, ""},
		{&kube.ConflictError{Kind: "Secret", Name: "n-server", Namespace: "ns"}, "too many conflicting updates", "run the command again", CodeFailed, ""},
		{&install.HeldError{Namespace: "ns", Objects: []install.Held{
			{Reference: kube.Reference{Kind: "Secret", Name: "n-client"}, Finalizers: []string{"example.com/a", "example.com/b"}},
			{Reference: kube.Reference{Kind: "Pod", Name: "n"}, Finalizers: []string{"example.com/a"}},
		}}, `Secret "n-client" (finalizer "example.com/a", "example.com/b"), Pod "n" (finalizer "example.com/a")`,
			`kubectl patch secret/n-client pod/n -n ns --type merge -p '{"metadata":{"finalizers":null}}'; then run the command again`, CodeFailed, ""},
		{&install.SupersededError{Name: "n", Namespace: "ns"}, "another install has changed", "run the command again", CodeFailed, ""},
		{storage(install.NoDefaultClass, ""), "no StorageClass of this cluster is the default", "leave out --storage", CodeUsage, ""},
		{storage(install.NoDefaultClass, "", "a", "b"), "no StorageClass of this cluster is the default", "--storage-class a or --storage-class b", CodeUsage, ""},
		{storage(install.NoSuchClass, "", "a"), `StorageClass "2Gi" not found`, "--storage-class a", CodeUsage, ""},
		{storage(install.OtherClass, "slow"), `it cannot become "2Gi"`, "--storage-class slow keeps them; to remove the volumes with their cache, and install again: " + purge, CodeUsage, ""},
		{&install.StorageError{Name: "n", Namespace: "ns", Reason: install.OtherClass, Has: "slow", Wants: "fast", Installed: true, WantedSize: "2Gi", WantedClass: "fast"}, `it cannot become "fast"`,
			"kubectl buildkit install n -n ns --unset storage --yes, then kubectl delete pvc -n ns -l app.kubernetes.io/instance=n,app.kubernetes.io/managed-by=kubectl-buildkit, then kubectl buildkit install n -n ns --storage 2Gi --storage-class fast", CodeUsage, ""},
		{storage(install.Smaller, "3Gi"), "cannot shrink to 2Gi", "--storage 3Gi keeps them; to remove the volumes with their cache, and install again: " + purge, CodeUsage, ""},
		{&install.StorageError{Name: "n", Namespace: "ns", Reason: install.Refused, Wants: "5Gi", Fits: "3Gi", Err: errors.New("exceeded quota: q")},
			`the volumes of builder "n" in namespace "ns" cannot be 5Gi: exceeded quota`, "--storage 3Gi; or ask an administrator for more: kubectl describe quota -n ns", CodeUsage, ""},
		{&install.StorageError{Name: "n", Namespace: "ns", Reason: install.Refused, Wants: "5Gi", Err: errors.New("at most 2Gi")}, "at most 2Gi", "ask an administrator for more", CodeUsage, ""},
		{storage(install.CannotGrow, "1Gi"), "cannot grow to 2Gi", "--storage 1Gi keeps them; to remove the volumes with their cache, and install again: " + purge, CodeUsage, ""},
	}
}
