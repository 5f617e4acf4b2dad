//go:build unix

package driver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// A named pipe without a writer would hold the program for ever. The pipe of a shell's <(command)
// is read.
func TestKubeconfigThatIsAPipe(t *testing.T) {
	dir := t.TempDir()
	named := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(named, 0o600); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(dir, "link")
	if err := os.Symlink(named, linked); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	for _, value := range []string{named, linked, other + string(os.PathListSeparator) + named} {
		t.Setenv("KUBECONFIG", value)
		flagged := genericclioptions.NewConfigFlags(false)
		*flagged.KubeConfig = named
		for _, flags := range []*genericclioptions.ConfigFlags{genericclioptions.NewConfigFlags(false), flagged} {
			k := ReadKubeconfig(flags, "", os.LookupEnv, nil)
			_, err := k.Config()
			_, namespaceErr := k.Namespace()
			var kubeconfig *KubeconfigError
			if !errors.As(err, &kubeconfig) || !errors.As(namespaceErr, &kubeconfig) || k.Context() != "" {
				t.Errorf("%s: %v, %v", value, err, namespaceErr)
			}
		}
	}
	read, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	if _, err := written.WriteString("apiVersion: v1\nkind: Config\ncontexts: [{name: c, context: {}}]\ncurrent-context: c\n"); err != nil {
		t.Fatal(err)
	}
	if err := written.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", fmt.Sprintf("/dev/fd/%d", read.Fd()))
	if got := ReadKubeconfig(genericclioptions.NewConfigFlags(false), "", os.LookupEnv, nil).Context(); got != "c" {
		t.Errorf("the context of a shell's pipe is %q", got)
	}
}
