package builder

import (
	"net"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
)

// hostProblem says what is wrong with a registry host such as "registry.local:5000"; empty when
// nothing is.
func hostProblem(host string) string {
	if strings.Contains(host, "://") {
		return "has a scheme"
	}
	if strings.Contains(host, "/") {
		return "has a path"
	}
	name := host
	if bare, port, err := net.SplitHostPort(host); err == nil {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return "has a wrong port"
		}
		name = bare
	}
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		name = name[1 : len(name)-1]
	}
	if net.ParseIP(name) != nil {
		return ""
	}
	if name == "" || len(content.IsDNS1123Subdomain(strings.ToLower(name))) > 0 {
		return "is not a host name or an address"
	}
	return ""
}

// notInPath is about characters that belong in no path of a URL, nor unharmed into the daemon's
// configuration.
func notInPath(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == '"' || r == '\\'
}

// mirrorProblem is hostProblem for a mirror, which may have a path, e.g.
// "harbor.local/proxy.docker.io".
func mirrorProblem(mirror string) string {
	if strings.Contains(mirror, "://") {
		return "has a scheme"
	}
	host, path, hasPath := strings.Cut(mirror, "/")
	if hasPath && (path == "" || strings.ContainsFunc(path, notInPath)) {
		return "has a wrong path"
	}
	return hostProblem(host)
}
