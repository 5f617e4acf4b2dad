package controlplane

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/pki"
)

// WriteKubeconfig writes a kubeconfig, readable by its owner alone, that holds the certificates themselves: so it can be
// copied elsewhere. A user is named as in its certificate.
func WriteKubeconfig(path, server string, authority, client pki.Pair) error {
	var data [3][]byte
	for i, file := range []string{authority.Certificate, client.Certificate, client.Key} {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("writing kubeconfig %q: %w", path, err)
		}
		data[i] = content
	}
	const name = "kubectl-buildkit"
	type object = map[string]any
	encoded, err := json.MarshalIndent(object{ // a kubeconfig is YAML, which JSON is; bytes come out as base64
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": name,
		"clusters": []object{{"name": name, "cluster": object{
			"server": server, "certificate-authority-data": data[0],
		}}},
		"users": []object{{"name": name, "user": object{
			"client-certificate-data": data[1], "client-key-data": data[2],
		}}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": name}}},
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing kubeconfig %q: %w", path, err)
	}
	if err := os.WriteFile(path, append(encoded, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing kubeconfig %q: %w", path, err)
	}
	return nil
}
