package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
)

// Cluster is a kubeconfig of one cluster: that of its current context.
type Cluster struct {
	Server string // HOST:PORT of its API server
	config map[string]any
}

// ReadCluster reads a kubeconfig with kubectl, which must be on PATH: the named file, or whatever kubectl would use when
// the name is empty.
func ReadCluster(ctx context.Context, file string) (Cluster, error) {
	arguments := []string{"config", "view", "--raw", "--minify", "--flatten", "-o", "json"}
	if file != "" {
		arguments = append(arguments, "--kubeconfig", file)
	}
	output, err := exec.CommandContext(ctx, "kubectl", arguments...).Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return Cluster{}, fmt.Errorf("reading kubeconfig: %w: %s", err, failed.Stderr)
	}
	if err != nil {
		return Cluster{}, fmt.Errorf("reading kubeconfig: %w", err)
	}
	var c Cluster
	if err := json.Unmarshal(output, &c.config); err != nil {
		return Cluster{}, fmt.Errorf("reading kubeconfig: %w", err)
	}
	entry, err := c.entry()
	if err != nil {
		return Cluster{}, err
	}
	server, _ := entry["server"].(string)
	location, err := url.Parse(server)
	if err != nil {
		return Cluster{}, fmt.Errorf("reading kubeconfig: %w", err)
	}
	port := location.Port()
	if port == "" {
		port = "443"
	}
	c.Server = net.JoinHostPort(location.Hostname(), port)
	return c, nil
}

func (c Cluster) entry() (map[string]any, error) {
	clusters, _ := c.config["clusters"].([]any)
	if len(clusters) != 1 {
		return nil, errors.New("reading kubeconfig: its current context names no cluster")
	}
	named, _ := clusters[0].(map[string]any)
	entry, ok := named["cluster"].(map[string]any)
	if !ok {
		return nil, errors.New("reading kubeconfig: its cluster has no entry")
	}
	return entry, nil
}

// Through is the kubeconfig that reaches the same cluster by a link's address. The server's certificate is checked
// against the server's own name, so it need not know the link.
func (c Cluster) Through(address string) ([]byte, error) {
	entry, err := c.entry()
	if err != nil {
		return nil, err
	}
	if _, set := entry["tls-server-name"]; !set {
		host, _, err := net.SplitHostPort(c.Server)
		if err != nil {
			return nil, fmt.Errorf("making kubeconfig: %w", err)
		}
		entry["tls-server-name"] = host
	}
	entry["server"] = "https://" + address
	encoded, err := json.MarshalIndent(c.config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("making kubeconfig: %w", err)
	}
	return append(encoded, '\n'), nil
}
