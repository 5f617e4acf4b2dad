package driver

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/home"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// defaultServer is what client-go falls back to where nothing says how to reach a cluster. No
// cluster is there.
const defaultServer = "http://localhost:8080"

// KubeconfigError is returned where kubectl's flags and files do not configure a cluster.
type KubeconfigError struct{ Err error }

func (e *KubeconfigError) Error() string {
	return "reading the kubeconfig: " + withoutGo(e.Err.Error())
}
func (e *KubeconfigError) Unwrap() error { return e.Err }

// Class returns fault.Usage.
func (*KubeconfigError) Class() fault.Class { return fault.Usage }

// withoutGo returns a message about a JSON or YAML value of the wrong type without the Go type that
// it should have.
func withoutGo(text string) string {
	value := regexp.MustCompile(`json: cannot unmarshal (\w+) into Go (?:struct field (?:\w+\.)?(\S+)|value) of type .*`)
	return value.ReplaceAllStringFunc(text, func(found string) string {
		groups := value.FindStringSubmatch(found)
		if groups[2] == "" {
			return "invalid content: a " + groups[1] + " in place of an object"
		}
		return "invalid value of " + groups[2] + ": it must not be a " + groups[1]
	})
}

// Kubeconfig is the Access that kubectl's flags and files give, or inside a Pod its ServiceAccount.
type Kubeconfig struct {
	// The flags of these names. genericclioptions' own struct is not held by what is used as an
	// interface: its methods, which link the discovery client, would be part of the program.
	context, server, cluster *string
	loader                   func() (clientcmd.ClientConfig, error)
	lookupEnv                func(string) (string, bool)
	warnings                 rest.WarningHandler
}

// ReadKubeconfig returns what the flags and files configure. They are read when they are needed,
// once; context, if it is not empty, takes the place of the current one. The warnings of the API
// server are passed to warnings, which may be nil.
func ReadKubeconfig(
	flags *genericclioptions.ConfigFlags, context string, lookupEnv func(string) (string, bool), warnings rest.WarningHandler,
) *Kubeconfig {
	if context != "" {
		flags = inContext(flags, context)
	}
	return &Kubeconfig{
		context: flags.Context, server: flags.APIServer, cluster: flags.ClusterName, lookupEnv: lookupEnv, warnings: warnings,
		loader: sync.OnceValues(func() (clientcmd.ClientConfig, error) { return load(flags, lookupEnv) }),
	}
}

// inContext returns a copy of the flags with that context. A plain copy would be one of their locks
// as well.
func inContext(flags *genericclioptions.ConfigFlags, context string) *genericclioptions.ConfigFlags {
	return &genericclioptions.ConfigFlags{
		CacheDir: flags.CacheDir, KubeConfig: flags.KubeConfig, ClusterName: flags.ClusterName, AuthInfoName: flags.AuthInfoName,
		Context: &context, Namespace: flags.Namespace, APIServer: flags.APIServer, TLSServerName: flags.TLSServerName,
		Insecure: flags.Insecure, CertFile: flags.CertFile, KeyFile: flags.KeyFile, CAFile: flags.CAFile, BearerToken: flags.BearerToken,
		Impersonate: flags.Impersonate, ImpersonateUID: flags.ImpersonateUID, ImpersonateGroup: flags.ImpersonateGroup,
		ImpersonateUserExtra: flags.ImpersonateUserExtra, Username: flags.Username, Password: flags.Password, Timeout: flags.Timeout,
		DisableCompression: flags.DisableCompression, ProxyURL: flags.ProxyURL, WrapConfigFn: flags.WrapConfigFn,
	}
}

// load returns client-go's loader. That one takes $HOME as it is: where it is not set, or relative,
// the kubeconfig would be the one of the working directory, which may be a checkout of anyone, and
// names programs to run.
func load(flags *genericclioptions.ConfigFlags, lookupEnv func(string) (string, bool)) (clientcmd.ClientConfig, error) {
	loader := flags.ToRawKubeConfigLoader()
	rules, known := loader.ConfigAccess().(*clientcmd.ClientConfigLoadingRules)
	if named, _ := lookupEnv("KUBECONFIG"); named == "" && known && !filepath.IsAbs(clientcmd.RecommendedHomeFile) {
		rules.Precedence = nil
		if dir := home.Directory(lookupEnv); dir != "" {
			rules.Precedence = []string{filepath.Join(dir, clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)}
		}
	}
	for _, file := range filesOf(loader.ConfigAccess()) {
		if err := namedPipe(file); err != nil {
			return nil, &KubeconfigError{Err: err}
		}
	}
	for _, file := range credentialFiles(flags, loader) {
		if err := namedPipe(file); err != nil {
			return nil, &KubeconfigError{Err: err}
		}
	}
	return loader, nil
}

// credentialFiles returns the files that the flags and the context in force name. Those of other
// contexts are not read.
func credentialFiles(flags *genericclioptions.ConfigFlags, loader clientcmd.ClientConfig) []string {
	files := []string{valueOf(flags.CAFile), valueOf(flags.CertFile), valueOf(flags.KeyFile)}
	config, err := loader.RawConfig()
	if err != nil {
		return files // client-go reports it
	}
	context := config.Contexts[cmp.Or(valueOf(flags.Context), config.CurrentContext)]
	if context == nil {
		context = &clientcmdapi.Context{}
	}
	if cluster := config.Clusters[cmp.Or(valueOf(flags.ClusterName), context.Cluster)]; cluster != nil {
		files = append(files, cluster.CertificateAuthority)
	}
	if user := config.AuthInfos[cmp.Or(valueOf(flags.AuthInfoName), context.AuthInfo)]; user != nil {
		files = append(files, user.ClientCertificate, user.ClientKey, user.TokenFile)
	}
	return files
}

func filesOf(access clientcmd.ConfigAccess) []string {
	if access.IsExplicitFile() {
		return []string{access.GetExplicitFile()}
	}
	return access.GetLoadingPrecedence()
}

// namedPipe returns an error for a named pipe: client-go would wait for its writer, whatever ends
// this program. A shell's <(command) is below /dev, and has a writer.
func namedPipe(file string) error {
	info, err := safefile.Stat(file)
	if err != nil || info.Mode()&fs.ModeNamedPipe == 0 || strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/") {
		return nil //nolint:nilerr // client-go reports what is wrong with a file
	}
	return &safefile.NotRegularError{Name: file, Mode: info.Mode()}
}

// Config returns how to reach the API server. The error is a *KubeconfigError.
func (k *Kubeconfig) Config() (*rest.Config, error) {
	loader, err := k.loader()
	if err != nil {
		return nil, err
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, &KubeconfigError{Err: err}
	}
	if err := k.guessed(config, loader.ConfigAccess()); err != nil {
		return nil, &KubeconfigError{Err: err}
	}
	config.WarningHandler = k.warnings
	return config, nil
}

// Namespace returns kubectl's namespace: the flag, else the kubeconfig's, else the Pod's own, else
// "default". The error is a *KubeconfigError or a *usage.Error.
func (k *Kubeconfig) Namespace() (string, error) {
	loader, err := k.loader()
	if err != nil {
		return "", err
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return "", &KubeconfigError{Err: err}
	}
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return "", &usage.Error{
			What: "namespace", Value: namespace, Reason: "invalid name of a namespace", Next: "use lower-case letters, digits and -, e.g. team-a",
		}
	}
	return namespace, nil
}

// Context returns the context in force; empty inside a Pod, where there is none.
func (k *Kubeconfig) Context() string {
	if given(k.context) {
		return *k.context
	}
	loader, err := k.loader()
	if err != nil {
		return ""
	}
	config, err := loader.RawConfig()
	if err != nil {
		return ""
	}
	return config.CurrentContext
}

// guessed is an error if client-go has made the address of the API server up, since no kubeconfig,
// no flag and no ServiceAccount has it.
func (k *Kubeconfig) guessed(config *rest.Config, access clientcmd.ConfigAccess) error {
	if config.Host != defaultServer || given(k.server) || given(k.cluster) || k.Context() != "" {
		return nil
	}
	if master, _ := k.lookupEnv("KUBERNETES_MASTER"); master != "" {
		return nil
	}
	source := ""
	if value, _ := k.lookupEnv("KUBECONFIG"); value != "" {
		source = " ($KUBECONFIG)"
	}
	if access.IsExplicitFile() {
		source = " (--kubeconfig)"
	}
	var reasons []string
	for _, file := range filesOf(access) {
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

func given(flag *string) bool { return valueOf(flag) != "" }

func valueOf(flag *string) string {
	if flag == nil {
		return ""
	}
	return *flag
}
