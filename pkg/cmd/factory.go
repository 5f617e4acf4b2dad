package cmd

import (
	"os"
	"strings"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/terminal"
)

// factory gives commands what they stand on. Everything is made when it is asked for: a command
// that needs no cluster never reads a kubeconfig.
type factory struct {
	*driver.Driver
	streams   terminal.Streams
	args      []string // the command line
	lookupEnv func(string) (string, bool)
	flags     *genericclioptions.ConfigFlags
	// builderName is the builder that the command line names; empty if it names none.
	builderName string
	// installs reports whether it is an install.
	installs bool
}

func newFactory(streams genericiooptions.IOStreams, lookupEnv func(string) (string, bool)) *factory {
	// Not persistent: what is read once, and when it is read again, is decided by the driver.
	f := &factory{streams: terminal.New(terminal.Raw(streams)), lookupEnv: lookupEnv, flags: genericclioptions.NewConfigFlags(false)}
	f.Driver = driver.Open(func(context string) driver.Access {
		return driver.ReadKubeconfig(f.flags, context, f.lookupEnv, &apiWarnings{to: f.streams.ErrOut, seen: map[string]bool{}})
	}, f.notify)
	return f
}

// notify prints what happens during a call to the error stream, with what to do about it.
func (f *factory) notify(notice driver.Notice) {
	line := notice.Text
	if notice.Err != nil {
		told := explain.Error(notice.Err)
		if line = told.Text; told.Next != "" {
			line += ": " + f.pasteable(told.Next)
		}
	}
	if notice.Warning {
		line = "warning: " + line
	}
	if notice.Show != nil {
		notice.Show(line)
		return
	}
	escape.Fprintln(f.streams.ErrOut, line)
}

// pasteable returns a next step that acts where the command line did.
func (f *factory) pasteable(next string) string {
	selection := explain.Selection{Builder: f.builderName, Namespace: *f.flags.Namespace}
	if f.installs {
		selection.Install = strings.TrimSpace(f.again(""))
	}
	for _, flag := range [][2]string{{"--kubeconfig", *f.flags.KubeConfig}, {"--context", *f.flags.Context}, {"--cluster", *f.flags.ClusterName}} {
		if flag[1] != "" {
			selection.Cluster = append(selection.Cluster, flag)
		}
	}
	return selection.Pasteable(next)
}

// noColors reports whether the environment asks for text without colors (no-color.org).
func (f *factory) noColors() bool {
	value, _ := f.lookupEnv("NO_COLOR")
	return value != ""
}

// userPath is a path as a flag has it, with the home directory in place of a ~ that the shell left
// alone.
func userPath(path string) string {
	return home.Expand(path, home.Directory(os.LookupEnv))
}
