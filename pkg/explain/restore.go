package explain

import (
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

func explainUnrestored(err error) (Report, bool) {
	const withFlags = ", with the flags that it was installed with"
	var (
		unrestored *driver.UnrestoredError
		partial    *install.PartialSettingsError
	)
	switch {
	case errors.As(err, &partial):
		return Report{Text: partial.Error(), Next: Reinstall(partial.Name, partial.Namespace) + withFlags}, true
	case !errors.As(err, &unrestored):
		return Report{}, false
	}
	next := "ask an administrator to run: " + Reinstall(unrestored.Name, unrestored.Namespace)
	if errors.As(unrestored.Err, &partial) {
		next = Reinstall(unrestored.Name, unrestored.Namespace) + withFlags
	}
	return Report{Text: unrestored.Error(), Next: next}, true
}

// Reinstall is the command that makes a builder again as its stored settings say.
func Reinstall(name, namespace string) string {
	return fmt.Sprintf("kubectl buildkit install %s -n %s", name, namespace)
}
