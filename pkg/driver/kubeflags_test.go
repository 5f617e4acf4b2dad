package driver

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/spf13/pflag"
)

// The flags of kubectl reach client-go's configuration.
func TestKubeFlags(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", dir)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	const text = `{"apiVersion": "v1", "kind": "Config", "current-context": "a",
		"clusters": [{"name": "c", "cluster": {"server": "https://c"}}, {"name": "d", "cluster": {"server": "https://d"}}],
		"users": [{"name": "u", "user": {"token": "t"}}],
		"contexts": [{"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "n"}}, {"name": "b", "context": {"cluster": "d"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	type result struct {
		Host, Token, Namespace, ServerName, User, UID string
		Groups                                        []string
		Extra                                         map[string][]string
		Insecure, Uncompressed, Proxied               bool
		Timeout                                       string
	}
	for name, test := range map[string]struct {
		args []string
		want result
	}{
		"no flag": {nil, result{Host: "https://c", Token: "t", Namespace: "n", Timeout: "0s"}},
		"context": {[]string{"--context=b"}, result{Host: "https://d", Namespace: "default", Timeout: "0s"}},
		"cluster": {[]string{"--cluster=d", "-n", "m"}, result{Host: "https://d", Token: "t", Namespace: "m", Timeout: "0s"}},
		"user":    {[]string{"--context=b", "--user=u"}, result{Host: "https://d", Token: "t", Namespace: "default", Timeout: "0s"}},
		"a server": {[]string{"-s", "https://e", "--token=x", "--insecure-skip-tls-verify", "--tls-server-name=f"}, result{
			Host: "https://e", Token: "x", Namespace: "n", Insecure: true, ServerName: "f", Timeout: "0s",
		}},
		"impersonation": {[]string{"--as=jane", "--as-uid=7", "--as-group=g", "--as-group=h", "--as-user-extra=k=v=w", "--as-user-extra=k=x"}, result{
			Host: "https://c", Token: "t", Namespace: "n", User: "jane", UID: "7", Groups: []string{"g", "h"},
			Extra: map[string][]string{"k": {"v=w", "x"}}, Timeout: "0s",
		}},
		"connection": {[]string{"--request-timeout=3s", "--disable-compression", "--proxy-url=http://p:1", "--cache-dir=/c"}, result{
			Host: "https://c", Token: "t", Namespace: "n", Timeout: "3s", Uncompressed: true, Proxied: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			flags, set := &KubeFlags{}, pflag.NewFlagSet("", pflag.ContinueOnError)
			flags.AddFlags(set)
			if err := set.Parse(append([]string{"--kubeconfig=" + kubeconfig}, test.args...)); err != nil {
				t.Fatal(err)
			}
			config, err := flags.Loader().ClientConfig()
			if err != nil {
				t.Fatal(err)
			}
			namespace, _, err := flags.Loader().Namespace()
			if err != nil {
				t.Fatal(err)
			}
			as := config.Impersonate
			got := result{
				Host: config.Host, Token: config.BearerToken, Namespace: namespace, ServerName: config.ServerName, Timeout: config.Timeout.String(),
				User: as.UserName, UID: as.UID, Groups: as.Groups, Extra: as.Extra,
				Insecure: config.Insecure, Uncompressed: config.DisableCompression, Proxied: config.Proxy != nil,
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}
