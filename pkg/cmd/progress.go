package cmd

import (
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
)

// progressOptions let the display name where the build runs.
func (f *factory) progressOptions(member cluster.Member) progress.Options {
	phrase := fmt.Sprintf("building with %q in namespace %q", member.Builder, member.Namespace)
	if name := f.contextName(); name != "" {
		phrase += fmt.Sprintf(" of context %q", name)
	}
	return progress.Options{
		Phrase: phrase, Name: "kubectl-buildkit/" + member.Namespace + "/" + member.Builder, NoColors: f.noColors(),
	}
}

// noColors reports whether the environment asks for text without colors (no-color.org).
func (f *factory) noColors() bool {
	value, _ := f.lookupEnv("NO_COLOR")
	return value != ""
}

// contextName is the kubeconfig's context in force; empty inside a Pod, where there is none.
func (f *factory) contextName() string {
	if f.flags.Context != nil && *f.flags.Context != "" {
		return *f.flags.Context
	}
	config, err := f.kubeconfig().RawConfig()
	if err != nil {
		return ""
	}
	return config.CurrentContext
}
