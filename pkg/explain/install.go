package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// explainInstall is about installs that are refused before they change anything.
func explainInstall(err error) (Report, bool) {
	var (
		storage  *install.StorageError
		unowned  *install.UnownedError
		conflict *kube.ConflictError
		other    *install.SupersededError
		lossy    *driver.LossError
		held     *install.HeldError
	)
	switch {
	case errors.As(err, &held):
		return Report{Text: held.Error(), Next: nextForHeld(held)}, true
	case errors.As(err, &lossy):
		return Report{Text: lossy.Error(), Next: Reinstall(lossy.Plan.Name, lossy.Plan.Namespace) + " --yes"}, true
	case errors.As(err, &storage):
		return Report{Text: storage.Error(), Next: nextForStorage(storage)}, true
	case errors.As(err, &unowned):
		next := Reinstall(unowned.Name, unowned.Namespace) + " --yes, which uses these settings with new certificates"
		return Report{Text: unowned.Error(), Next: next}, true
	case errors.As(err, &other):
		return Report{Text: other.Error(), Next: "run the command again"}, true
	case errors.As(err, &conflict):
		return Report{Text: conflict.Error(), Next: "run the command again"}, true
	}
	return Report{}, false
}

// nextForHeld leaves the finalizers to the program that set them, if it still runs.
func nextForHeld(e *install.HeldError) string {
	var names []string
	for _, each := range e.Objects {
		names = append(names, strings.ToLower(each.Kind)+"/"+each.Name)
	}
	return fmt.Sprintf("a finalizer names the program that removes it; if that is not installed any more: "+
		`kubectl patch %s -n %s --type merge -p '{"metadata":{"finalizers":null}}'; then run the command again`, strings.Join(names, " "), e.Namespace)
}

// nextForForeign leaves the object alone, which may be in use.
func nextForForeign(e *install.ForeignError) string {
	if e.Unwanted {
		return "kubectl buildkit list -n " + e.Namespace + ", which shows the builders there are"
	}
	next := fmt.Sprintf("choose another name: kubectl buildkit install %s-2 -n %s; see whose it is: kubectl get %s %s -n %s -o yaml",
		e.Builder, e.Namespace, strings.ToLower(e.Kind), e.Name, e.Namespace)
	if e.Kind == kube.KindPod && e.Name == e.Builder {
		next += "; builds can use it: --builder " + e.Name
	}
	return next
}

func nextForStorage(e *install.StorageError) string {
	switch e.Reason {
	case install.NoDefaultClass, install.NoSuchClass:
		if len(e.Classes) == 0 {
			return "this cluster has no StorageClass: leave out --storage, so that the cache is on the node's disk"
		}
		return "name one of the cluster's: --storage-class " + strings.Join(e.Classes, " or --storage-class ")
	case install.OtherClass:
		keep := "leave out --storage-class"
		if e.Has != "" {
			keep = "--storage-class " + e.Has + " keeps them"
		}
		return keep + "; " + replaceVolumes(e)
	case install.Refused:
		ask := "ask an administrator for more: kubectl describe quota -n " + e.Namespace
		if e.Fits != "" {
			return "the quota leaves room for --storage " + e.Fits + "; or " + ask
		}
		return ask
	}
	return fmt.Sprintf("--storage %s keeps them; %s", e.Has, replaceVolumes(e))
}

// replaceVolumes is how a builder gets other volumes. One that is installed must not be uninstalled
// for that, which would take its settings as well.
func replaceVolumes(e *install.StorageError) string {
	if !e.Installed {
		return fmt.Sprintf("to remove the volumes with their cache, and install again: kubectl buildkit uninstall %s -n %s --purge", e.Name, e.Namespace)
	}
	again := Reinstall(e.Name, e.Namespace)
	want := again + " --storage " + e.WantedSize
	if e.WantedClass != "" {
		want += " --storage-class " + e.WantedClass
	}
	return fmt.Sprintf("to replace the volumes with their cache: %s --unset storage --yes, then kubectl delete pvc -n %s -l %s, then %s",
		again, e.Namespace, builder.Selector(e.Name), want)
}
