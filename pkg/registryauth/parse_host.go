package registryauth

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/distribution/reference"
)

// ParseHost parses a user's name of a registry: its host, as in an image's name, or
// its URL. It returns "docker.io" for every name of Docker Hub.
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
		return "", errors.New("the registry is missing")
	case hubHost, "index.docker.io", "docker.io":
		return "docker.io", nil
	}
	named, err := reference.ParseNormalizedNamed(host + "/repository")
	if err != nil || reference.Domain(named) != host {
		return "", fmt.Errorf("it is not the host of a registry, e.g. %q", "registry.example.com:5000")
	}
	return host, nil
}

// requestHost returns the host of requests to the registry.
func requestHost(host string) string {
	if host == "docker.io" {
		return hubHost
	}
	return host
}

// isLocal reports whether the host is this machine, for which plain HTTP is not a risk.
func isLocal(host string) bool {
	name := host
	if before, _, err := net.SplitHostPort(host); err == nil {
		name = before
	}
	address := net.ParseIP(name)
	return name == "localhost" || address != nil && address.IsLoopback()
}
