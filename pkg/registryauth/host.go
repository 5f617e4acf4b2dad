package registryauth

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/distribution/reference"
)

// ParseHost reads what a user calls a registry: its host, as in an image's name,
// or its URL. Docker Hub is "docker.io" by whatever name it is called.
func ParseHost(text string) (string, error) {
	host := text
	for _, scheme := range []string{"https://", "http://"} {
		host = strings.TrimPrefix(host, scheme)
	}
	host, path, _ := strings.Cut(strings.TrimSuffix(host, "/"), "/")
	switch strings.TrimSuffix(path, "/") {
	case "", "v1", "v2":
	default:
		return "", fmt.Errorf("credentials are for a whole registry, not for a path in it: use %q", host)
	}
	switch host {
	case "":
		return "", errors.New("it names no registry")
	case hubHost, "index.docker.io", "docker.io":
		return "docker.io", nil
	}
	named, err := reference.ParseNormalizedNamed(host + "/repository")
	if err != nil || reference.Domain(named) != host {
		return "", fmt.Errorf("it is not the host of a registry, e.g. %q", "registry.example.com:5000")
	}
	return host, nil
}

// requestHost is where requests to the registry go.
func requestHost(host string) string {
	if host == "docker.io" {
		return hubHost
	}
	return host
}

// isLocal says whether the host is this machine, where plain HTTP is not a risk.
func isLocal(host string) bool {
	name := host
	if before, _, err := net.SplitHostPort(host); err == nil {
		name = before
	}
	address := net.ParseIP(name)
	return name == "localhost" || address != nil && address.IsLoopback()
}
