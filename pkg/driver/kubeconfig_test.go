package driver

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
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
			_, err := ReadKubeconfig(flags, "", os.LookupEnv, nil).Config()
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

// What a client cannot be made of is a fault of the kubeconfig, and not tried again.
func TestConfigurationsWithoutAClient(t *testing.T) {
	for name, config := range map[string]*rest.Config{
		"no URL":         {Host: "https://[::1"},
		"no certificate": {Host: "https://c", TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(t.TempDir(), "gone")}},
	} {
		_, err := New(config, "ns").Cluster()
		var kubeconfig *KubeconfigError
		if !errors.As(err, &kubeconfig) || (retryPolicy{within: startTimeout}).next(err, 1, 0) >= 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a home directory, or with a relative one, client-go's kubeconfig is ./.kube/config: of a
// checkout, which could name a program to run as credentials.
func TestKubeconfigIsNeverOneOfTheCheckout(t *testing.T) {
	checkout, account := t.TempDir(), t.TempDir()
	write := func(dir, server string) {
		if err := os.Mkdir(filepath.Join(dir, ".kube"), 0o700); err != nil {
			t.Fatal(err)
		}
		text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '" + server + "'}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"
		if err := os.WriteFile(filepath.Join(dir, ".kube", "config"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(checkout, "https://evil.example.com")
	write(account, "https://mine.example.com")
	t.Chdir(checkout)
	before := clientcmd.RecommendedHomeFile
	t.Cleanup(func() { clientcmd.RecommendedHomeFile = before })
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	server := func() string {
		config, err := ReadKubeconfig(genericclioptions.NewConfigFlags(false), "", os.LookupEnv, nil).Config()
		if err != nil {
			return ""
		}
		return config.Host
	}
	for home, want := range map[string]string{"": "", ".": "", "./": "", "sub/..": "", account: "https://mine.example.com"} {
		for _, kubeconfig := range []string{"", ".kube/config"} {
			t.Setenv("HOME", home)
			t.Setenv("KUBECONFIG", kubeconfig)
			clientcmd.RecommendedHomeFile = filepath.Join(home, ".kube", "config") // as client-go has it
			got := server()
			switch {
			case kubeconfig != "": // the user has named it
				if got != "https://evil.example.com" {
					t.Errorf("HOME=%q KUBECONFIG=%q: the cluster is %q", home, kubeconfig, got)
				}
			case want != "" && got != want, got == "https://evil.example.com":
				t.Errorf("HOME=%q: the cluster is %q", home, got)
			}
		}
	}
}

// A user who switches to another cluster while a build runs does not move the build there: what is
// read again after a loss is the same context, with its credentials of now.
func TestRenewedDriversStayInTheirContext(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	path := filepath.Join(t.TempDir(), "config")
	write := func(current, token, namespace string) {
		text := "apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'https://a'}}, {name: b, cluster: {server: 'https://b'}}]\n" +
			"contexts: [{name: a, context: {cluster: a, user: u, namespace: " + namespace + "}}, {name: b, context: {cluster: b, user: u, namespace: of-b}}]\n" +
			"users: [{name: u, user: {token: " + token + "}}]\ncurrent-context: " + current + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, flag := range []string{"", "a"} {
		write("a", "old", "of-a")
		flags := genericclioptions.NewConfigFlags(false)
		*flags.KubeConfig, *flags.Context, *flags.Impersonate = path, flag, "jane"
		d := Open(func(context string) Access { return ReadKubeconfig(flags, context, os.LookupEnv, nil) }, nil)
		if namespace, err := d.Namespace(); err != nil || namespace != "of-a" {
			t.Fatalf("%q, %v", namespace, err)
		}
		if host, err := d.Host(); err != nil || host != "https://a" {
			t.Fatalf("%q, %v", host, err)
		}
		write("b", "new", "other")
		for range 2 { // after each loss
			d = d.renewed()
			config, err := d.config()
			if err != nil {
				t.Fatal(err)
			}
			namespace, err := d.Namespace()
			if config.Host != "https://a" || config.BearerToken != "new" || config.Impersonate.UserName != "jane" || d.Context() != "a" || namespace != "of-a" || err != nil {
				t.Errorf("flag %q: %s as %q with %q, context %q, namespace %q, %v", flag, config.Host, config.Impersonate.UserName, config.BearerToken, d.Context(), namespace, err)
			}
		}
	}
}

// Every flag of kubectl's counts in another context too.
func TestInContextKeepsTheFlags(t *testing.T) {
	flags := genericclioptions.NewConfigFlags(false).WithDeprecatedPasswordFlag()
	flags.WrapConfigFn = func(config *rest.Config) *rest.Config { return config }
	before, after := reflect.ValueOf(flags).Elem(), reflect.ValueOf(inContext(flags, "x")).Elem()
	for i := range before.NumField() {
		field := before.Type().Field(i)
		if !field.IsExported() || field.Name == "Context" {
			continue
		}
		if before.Field(i).IsNil() || before.Field(i).Pointer() != after.Field(i).Pointer() {
			t.Errorf("%s is not kept, or has no value here", field.Name)
		}
	}
}
