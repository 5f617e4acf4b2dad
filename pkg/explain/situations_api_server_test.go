package explain

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// apiServerSituations are about what answers in place of the API server, and about the program that
// has the credentials for it.
func apiServerSituations() []situation {
	unreachable := func(proxy string, err error) error {
		return &kube.UnreachableError{Host: "https://h", Proxy: proxy, Err: fmt.Errorf("dialing: %w", err)}
	}
	credentials := func(reason string) error {
		return &kube.CredentialsError{Host: "https://h", Err: errors.New("getting credentials: " + reason)}
	}
	const behindProxy, otherPort = "check proxy-url of the cluster in the kubeconfig, else $HTTPS_PROXY and the password in it", "check the address of the cluster, its scheme, port and path"
	return []situation{
		{&kube.ForeignServerError{Host: "https://h/x", Answer: "404 Not Found, text/html"},
			"https://h/x does not answer as the API of a cluster does: 404 Not Found, text/html", otherPort, CodeNoBuilder, ""},
		{unreachable("http://p:3128", errors.New("Proxy Authentication Required")), "through the proxy http://p:3128: ", behindProxy, CodeNoBuilder, ""},
		{unreachable("http://p:3128", errors.New("Forbidden")), "through the proxy http://p:3128: ", behindProxy, CodeNoBuilder, ""},
		{unreachable("http://p:3128", errors.New("proxyconnect tcp: refused")), "through the proxy http://p:3128: ", behindProxy, CodeNoBuilder, ""},
		{unreachable("http://p:3128", errors.New("tls: x509: certificate signed by unknown authority")), "unknown authority", "another cluster may have this address now", CodeNoBuilder, ""},
		{unreachable("", x509.CertificateInvalidError{Reason: x509.Expired}), "has expired or is not yet valid", "compare this machine's clock", CodeNoBuilder, ""},
		{unreachable("", x509.HostnameError{Host: "h", Certificate: &x509.Certificate{}}), "x509: ", "--tls-server-name", CodeNoBuilder, ""},
		{unreachable("", errors.New("tls: first record does not look like a TLS handshake")), "TLS handshake", otherPort, CodeNoBuilder, ""},
		{unreachable("", errors.New(`malformed HTTP response "SSH-2.0-OpenSSH_9.9"`)), "SSH", otherPort, CodeNoBuilder, ""},
		{unreachable("", errors.New("http: server gave HTTP response to HTTPS client")), "HTTP response", otherPort, CodeNoBuilder, ""},
		{unreachable("", errors.New("stopped after 10 redirects")), "redirects", otherPort, CodeNoBuilder, ""},
		{unreachable("", errors.New(`unsupported protocol scheme "ftp"`)), "ftp", otherPort, CodeNoBuilder, ""},
		{credentials("exec: executable aws failed with exit code 1"), "getting credentials for cluster https://h: exec: executable aws failed", "log in with the program that the kubeconfig names", CodeDenied, ""},
		{credentials("exec: executable aws not found\n\nIt looks like"), "aws not found", "install the program that the kubeconfig names", CodeDenied, ""},
		{credentials("decoding stdout: json: cannot unmarshal"), "the output of the program is not an ExecCredential in JSON", "log in with the program", CodeDenied, ""},
	}
}
