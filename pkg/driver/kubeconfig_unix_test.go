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

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

func hasPipe(t *testing.T, what string, k *Kubeconfig) {
	t.Helper()
	_, err := k.Config()
	_, namespaceErr := k.Namespace()
	var kubeconfig *KubeconfigError
	var pipe *safefile.NotRegularError
	if !errors.As(err, &kubeconfig) || !errors.As(namespaceErr, &kubeconfig) || !errors.As(err, &pipe) {
		t.Errorf("%s: %v, %v", what, err, namespaceErr)
	}
}

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

// So would the pipe in place of a certificate or a token.
func TestCredentialsThatAreAPipe(t *testing.T) {
	dir := t.TempDir()
	named := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(named, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(dir, "none"))
	for _, flag := range []func(*genericclioptions.ConfigFlags) *string{
		func(f *genericclioptions.ConfigFlags) *string { return f.CAFile },
		func(f *genericclioptions.ConfigFlags) *string { return f.CertFile },
		func(f *genericclioptions.ConfigFlags) *string { return f.KeyFile },
	} {
		flags := genericclioptions.NewConfigFlags(false)
		*flags.APIServer, *flag(flags) = "https://127.0.0.1:1", named
		hasPipe(t, "a flag", ReadKubeconfig(flags, "", os.LookupEnv, nil))
	}
	for _, setting := range []string{"certificate-authority", "client-certificate", "client-key", "tokenFile"} {
		file := filepath.Join(dir, setting)
		text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: used
contexts: [{name: used, context: {cluster: one, user: one}}, {name: unused, context: {cluster: two, user: two}}]
clusters: [{name: one, cluster: {server: "https://127.0.0.1:1", %[1]s: pipe}}, {name: two, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: one, user: {%[1]s: pipe}}, {name: two, user: {}}]
`, setting)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("KUBECONFIG", file)
		hasPipe(t, setting, ReadKubeconfig(genericclioptions.NewConfigFlags(false), "", os.LookupEnv, nil))
		if _, err := ReadKubeconfig(genericclioptions.NewConfigFlags(false), "unused", os.LookupEnv, nil).Config(); err != nil {
			t.Errorf("%s of another context: %v", setting, err)
		}
	}
}
