package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Client asks the API server the few things that starting, status and the provisioner of volumes need, without a client
// library.
type Client struct {
	server string
	http   *http.Client
	// watches has no limit of time: a watch lasts.
	watches *http.Client
}

// cordoned is the taint of a node that an administrator has taken out of scheduling: the cluster itself is well.
const cordoned = "node.kubernetes.io/unschedulable"

// Node is what the API server says of a node.
type Node struct {
	Name    string
	Ready   bool
	Message string // why it is not ready
}

// NewClient returns a client that acts as the user of a kubeconfig written by WriteKubeconfig.
func NewClient(kubeconfig string) (*Client, error) {
	data, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig: %w", err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server    string
				Authority []byte `json:"certificate-authority-data"`
			}
		}
		Users []struct {
			User struct {
				Certificate []byte `json:"client-certificate-data"`
				Key         []byte `json:"client-key-data"`
			}
		}
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("reading kubeconfig %q: %w", kubeconfig, err)
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("reading kubeconfig %q: it does not have one cluster and one user", kubeconfig)
	}
	pair, err := tls.X509KeyPair(config.Users[0].User.Certificate, config.Users[0].User.Key)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %q: %w", kubeconfig, err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(config.Clusters[0].Cluster.Authority)
	settings := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	transport := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: true}
	return &Client{
		server:  config.Clusters[0].Cluster.Server,
		http:    &http.Client{Timeout: 5 * time.Second, Transport: transport},
		watches: &http.Client{Transport: transport},
	}, nil
}

// Close gives up the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ready succeeds when the API server says that it is ready.
func (c *Client) Ready(ctx context.Context) error {
	return c.get(ctx, "/readyz", nil)
}

// HasDefaultServiceAccount succeeds when Pods can be created in the default namespace.
func (c *Client) HasDefaultServiceAccount(ctx context.Context) error {
	return c.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
}

// Nodes lists the nodes. One that still has a taint counts as not ready: no Pod would be put there.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Taints []struct{ Key string } }
			Status   struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
	}
	if err := c.get(ctx, "/api/v1/nodes", &list); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var nodes []Node
	for _, item := range list.Items {
		node := Node{Name: item.Metadata.Name, Message: "not reported yet"}
		for _, condition := range item.Status.Conditions {
			if condition.Type == "Ready" {
				node.Ready, node.Message = condition.Status == "True", condition.Message
			}
		}
		for _, taint := range item.Spec.Taints {
			if node.Ready && taint.Key != cordoned {
				node.Ready, node.Message = false, "tainted "+taint.Key
			}
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// NodeReady succeeds when the named node is there and ready.
func (c *Client) NodeReady(ctx context.Context, name string) error {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if node.Name == name && node.Ready {
			return nil
		}
		if node.Name == name {
			return fmt.Errorf("node %q: %s", name, node.Message)
		}
	}
	return fmt.Errorf("node %q is not registered", name)
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.Do(ctx, http.MethodGet, path, "", nil, into)
}
