// Package volume makes PersistentVolumes out of directories of this machine: node-local ones that grow and that can be
// cloned, and others that can do neither. It plays the part of a CSI driver with its provisioner and resizer. It must not
// know who uses the volumes.
//
// Nothing enforces a volume's size: a file system of its own would need a block device of the machine.
package volume

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
)

// Process is the name of the provisioner's process and of its user, and the verb that starts it.
const Process = "volume-provisioner"

// Classes of volumes. The former is the cluster's default.
const (
	Local = "local"       // they grow and can be cloned
	Fixed = "local-fixed" // they can do neither
)

// provisioner is the name that the classes have for this package.
const provisioner = "volumes.kubectl-buildkit.test"

// Config is the provisioner's configuration file, in JSON.
type Config struct {
	Kubeconfig   string
	Dir          string // of the volumes, absolute
	ControlGroup string // of the nodes' Pods
}

type object = map[string]any

// Prepare makes the classes and the directory of the volumes, and returns the path of the configuration file, which lies in
// it.
func (c Config) Prepare(ctx context.Context) (path string, err error) {
	if err := os.MkdirAll(c.Dir, 0o711); err != nil {
		return "", fmt.Errorf("preparing volumes: %w", err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("preparing volumes: %w", err)
	}
	path = filepath.Join(c.Dir, "provisioner.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("preparing volumes: %w", err)
	}
	client, err := controlplane.NewClient(c.Kubeconfig)
	if err != nil {
		return "", err
	}
	defer client.Close()
	for name, grows := range map[string]bool{Local: true, Fixed: false} {
		err := client.Do(ctx, http.MethodPost, "/apis/storage.k8s.io/v1/storageclasses", controlplane.JSON, object{
			"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
			"metadata": object{"name": name, "annotations": object{
				"storageclass.kubernetes.io/is-default-class": fmt.Sprint(name == Local),
			}},
			"provisioner": provisioner, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": grows,
		}, nil)
		if err != nil {
			return "", fmt.Errorf("making StorageClass %q: %w", name, err)
		}
	}
	return path, nil
}
