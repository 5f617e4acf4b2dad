package driver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
)

func TestWithoutKubeconfigNothingIsGuessed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cluster := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://localhost:8080'}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"
	none, empty, unset := filepath.Join(dir, "nonexistent"), write("empty", ""), write("unset", cluster)
	local := write("local", cluster+"current-context: c\n")
	for name, test := range map[string]struct {
		kubeconfig string
		change     func(*genericclioptions.ConfigFlags)
		says       string // empty if the address is taken
	}{
		"no such file":       {none, nil, none + " ($KUBECONFIG) does not exist"},
		"an empty file":      {empty, nil, empty + " ($KUBECONFIG) names no current context"},
		"no current context": {unset, nil, unset + " ($KUBECONFIG) names no current context"},
		"several files":      {none + string(os.PathListSeparator) + empty, nil, "nonexistent ($KUBECONFIG) does not exist, "},
		"a context":          {unset, func(flags *genericclioptions.ConfigFlags) { *flags.Context = "c" }, ""},
		"a server":           {none, func(flags *genericclioptions.ConfigFlags) { *flags.APIServer = "http://localhost:8080" }, ""},
		"that very address":  {local, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", test.kubeconfig)
			t.Setenv("HOME", dir)
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			t.Setenv("KUBERNETES_MASTER", "")
			flags := genericclioptions.NewConfigFlags(false)
			if test.change != nil {
				test.change(flags)
			}
			_, err := ReadKubeconfig(flags, os.LookupEnv, nil).Config()
			var kubeconfig *KubeconfigError
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (!errors.As(err, &kubeconfig) || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v, want %q", err, test.says)
			case test.says != "" && (retryPolicy{within: startTimeout}).next(err, 1, 0) >= 0:
				t.Error("it is tried again")
			}
		})
	}
}
