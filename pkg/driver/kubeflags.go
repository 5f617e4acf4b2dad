package driver

import (
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
)

// KubeFlags are kubectl's flags for reaching a cluster, with its names and help texts. They are the
// same as those of genericclioptions, which links every API group, kustomize and the discovery
// client: 17 MB of the binary that are never used.
type KubeFlags struct {
	// Kubeconfig is the path of --kubeconfig; empty if the flag is not set.
	Kubeconfig string
	// Overrides take precedence over the kubeconfig.
	Overrides clientcmd.ConfigOverrides

	userExtra []string
	cacheDir  string // not used: no command caches what the API server offers
}

// AddFlags adds the flags to a flag set.
func (f *KubeFlags) AddFlags(flags *pflag.FlagSet) {
	user, cluster, context := &f.Overrides.AuthInfo, &f.Overrides.ClusterInfo, &f.Overrides.Context
	flags.StringVar(&f.Kubeconfig, "kubeconfig", "", "Path to the kubeconfig file to use for CLI requests.")
	flags.StringVar(&f.cacheDir, "cache-dir", "", "Has no effect: accepted since kubectl has it")

	flags.StringVar(&user.ClientCertificate, clientcmd.FlagCertFile, "", "Path to a client certificate file for TLS")
	flags.StringVar(&user.ClientKey, clientcmd.FlagKeyFile, "", "Path to a client key file for TLS")
	flags.StringVar(&user.Token, clientcmd.FlagBearerToken, "", "Bearer token for authentication to the API server")
	flags.StringVar(&user.Impersonate, clientcmd.FlagImpersonate, "",
		"Username to impersonate for the operation. User could be a regular user or a service account in a namespace.")
	flags.StringVar(&user.ImpersonateUID, clientcmd.FlagImpersonateUID, "", "UID to impersonate for the operation.")
	flags.StringArrayVar(&user.ImpersonateGroups, clientcmd.FlagImpersonateGroup, nil,
		"Group to impersonate for the operation, this flag can be repeated to specify multiple groups.")
	flags.StringArrayVar(&f.userExtra, "as-user-extra", nil,
		"User extras to impersonate for the operation, this flag can be repeated to specify multiple values for the same key.")

	flags.StringVar(&context.Cluster, clientcmd.FlagClusterName, "", "The name of the kubeconfig cluster to use")
	flags.StringVar(&context.AuthInfo, clientcmd.FlagAuthInfoName, "", "The name of the kubeconfig user to use")
	flags.StringVarP(&context.Namespace, clientcmd.FlagNamespace, "n", "", "If present, the namespace scope for this CLI request")
	flags.StringVar(&f.Overrides.CurrentContext, clientcmd.FlagContext, "", "The name of the kubeconfig context to use")

	flags.StringVarP(&cluster.Server, clientcmd.FlagAPIServer, "s", "", "The address and port of the Kubernetes API server")
	flags.StringVar(&cluster.TLSServerName, clientcmd.FlagTLSServerName, "",
		"Server name to use for server certificate validation. If it is not provided, the hostname used to contact the server is used")
	flags.BoolVar(&cluster.InsecureSkipTLSVerify, clientcmd.FlagInsecure, false,
		"If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure")
	flags.StringVar(&cluster.CertificateAuthority, clientcmd.FlagCAFile, "", "Path to a cert file for the certificate authority")
	flags.StringVar(&f.Overrides.Timeout, clientcmd.FlagTimeout, "0",
		"The length of time to wait before giving up on a single server request. Non-zero values should contain a corresponding time unit "+
			"(e.g. 1s, 2m, 3h). A value of zero means don't timeout requests.")
	flags.BoolVar(&cluster.DisableCompression, clientcmd.FlagDisableCompression, false,
		"If true, opt-out of response compression for all requests to the server")
	flags.StringVar(&cluster.ProxyURL, clientcmd.FlagProxyURL, "", "Proxy URL to use for requests to the API server")
}

// Loader returns client-go's loader of the kubeconfig that the flags and $KUBECONFIG choose.
func (f *KubeFlags) Loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.DefaultClientConfig = &clientcmd.DefaultClientConfig
	rules.ExplicitPath = f.Kubeconfig
	overrides := f.Overrides
	overrides.ClusterDefaults = clientcmd.ClusterDefaults
	for _, extra := range f.userExtra {
		key, value, found := strings.Cut(extra, "=")
		if !found {
			continue
		}
		if overrides.AuthInfo.ImpersonateUserExtra == nil {
			overrides.AuthInfo.ImpersonateUserExtra = map[string][]string{}
		}
		overrides.AuthInfo.ImpersonateUserExtra[key] = append(overrides.AuthInfo.ImpersonateUserExtra[key], value)
	}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &overrides)
}
