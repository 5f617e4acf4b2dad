package cmd

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// defaultServer is what client-go falls back to where nothing says how to reach a cluster. No cluster is there.
const defaultServer = "http://localhost:8080"

// guessed is an error if client-go has made the address of the API server up, since no kubeconfig, no flag and no
// ServiceAccount says it.
func (f *factory) guessed(config *rest.Config) error {
	given := func(flag *string) bool { return flag != nil && *flag != "" }
	if config.Host != defaultServer || given(f.flags.APIServer) || given(f.flags.ClusterName) || f.contextName() != "" {
		return nil
	}
	if master, _ := f.lookupEnv("KUBERNETES_MASTER"); master != "" {
		return nil
	}
	access := f.kubeconfig().ConfigAccess()
	files, source := access.GetLoadingPrecedence(), ""
	if value, _ := f.lookupEnv("KUBECONFIG"); value != "" {
		source = " ($KUBECONFIG)"
	}
	if explicit := access.GetExplicitFile(); access.IsExplicitFile() {
		files, source = []string{explicit}, " (--kubeconfig)"
	}
	var reasons []string
	for _, file := range files {
		reason := "names no current context"
		if !safefile.Exists(file) {
			reason = "does not exist"
		}
		reasons = append(reasons, fmt.Sprintf("%s%s %s", file, source, reason))
	}
	if len(reasons) == 0 {
		reasons = []string{"there is none"}
	}
	return errors.New(strings.Join(reasons, ", "))
}
