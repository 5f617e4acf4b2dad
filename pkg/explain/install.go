package explain

import (
	"errors"
	"fmt"
	"strings"

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
		lossy    *driver.LossError
	)
	switch {
	case errors.As(err, &lossy):
		return Report{Text: lossy.Error(), Next: Reinstall(lossy.Plan.Name, lossy.Plan.Namespace) + " --yes"}, true
	case errors.As(err, &storage):
		return Report{Text: storage.Error(), Next: nextForStorage(storage)}, true
	case errors.As(err, &unowned):
		next := fmt.Sprintf("remove it, then install again: kubectl buildkit uninstall %s -n %s", unowned.Name, unowned.Namespace)
		return Report{Text: unowned.Error(), Next: next}, true
	case errors.As(err, &conflict):
		return Report{Text: conflict.Error(), Next: "run the command again"}, true
	}
	return Report{}, false
}

func nextForStorage(e *install.StorageError) string {
	purge := fmt.Sprintf("to remove the volumes with their cache, and install again: kubectl buildkit uninstall %s -n %s --purge", e.Name, e.Namespace)
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
		return keep + "; " + purge
	}
	return fmt.Sprintf("--storage %s keeps them; %s", e.Has, purge)
}
