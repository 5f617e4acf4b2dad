package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
)

// attendClaim makes the claim's volume once the scheduler has chosen a node, and lets it grow.
func (c *controller) attendClaim(ctx context.Context, seen claim) error {
	class := seen.Spec.StorageClassName
	switch {
	case class != Local && class != Fixed || seen.Metadata.DeletionTimestamp != "":
		return nil
	case seen.Status.Phase == "Bound" && class == Local:
		return c.grow(ctx, seen)
	case seen.Status.Phase == "Bound" || seen.Spec.VolumeName != "" || seen.Metadata.Annotations[selectedNode] == "":
		return nil
	}
	c.mutex.Lock()
	_, made := c.volumes[seen.volumeName()]
	c.mutex.Unlock()
	if made {
		return nil // it is about to be bound
	}
	if err := c.fill(ctx, seen); err != nil {
		return err
	}
	if err := c.createVolume(ctx, seen); err != nil {
		return err
	}
	c.tell(ctx, seen, "Normal", "ProvisioningSucceeded", "Successfully provisioned volume "+seen.volumeName())
	return nil
}

// createVolume makes the PersistentVolume of a directory. It names its claim, so that no other claim takes it.
func (c *controller) createVolume(ctx context.Context, owner claim) error {
	err := c.api.Do(ctx, http.MethodPost, volumesPath, controlplane.JSON, object{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": object{"name": owner.volumeName(), "annotations": object{provisionedBy: provisioner}},
		"spec": object{
			"capacity": object{"storage": owner.Spec.Resources.Requests.Storage}, "accessModes": owner.Spec.AccessModes,
			"storageClassName": owner.Spec.StorageClassName, "persistentVolumeReclaimPolicy": "Delete",
			"claimRef": object{
				"apiVersion": "v1", "kind": "PersistentVolumeClaim",
				"namespace": owner.Metadata.Namespace, "name": owner.Metadata.Name, "uid": owner.Metadata.UID,
			},
			"local": object{"path": filepath.Join(c.Dir, owner.volumeName())},
			"nodeAffinity": object{"required": object{"nodeSelectorTerms": []object{{"matchExpressions": []object{{
				"key": "kubernetes.io/hostname", "operator": "In", "values": []string{owner.Metadata.Annotations[selectedNode]},
			}}}}}},
		},
	}, nil)
	if controlplane.HasCode(err, http.StatusConflict) {
		return nil // an earlier attempt made it
	}
	return err
}

// fill makes the directory of a claim's volume, whole or not at all: empty, or with what the volume has that is cloned.
func (c *controller) fill(ctx context.Context, owner claim) error {
	target := filepath.Join(c.Dir, owner.volumeName())
	if _, err := os.Stat(target); err == nil {
		return nil // by an attempt that went no further
	}
	source, err := c.source(owner)
	if err != nil {
		return err
	}
	temporary := target + ".partial"
	if err := os.RemoveAll(temporary); err != nil {
		return fmt.Errorf("making volume: %w", err)
	}
	if err := os.Mkdir(temporary, 0o777); err != nil {
		return fmt.Errorf("making volume: %w", err)
	}
	if err := os.Chmod(temporary, 0o777); err != nil { // whatever the umask is
		return fmt.Errorf("making volume: %w", err)
	}
	if source != "" {
		if err := c.copy(ctx, source, temporary); err != nil {
			return errors.Join(err, os.RemoveAll(temporary))
		}
	}
	return os.Rename(temporary, target)
}

// source is the name of the volume that the claim's is to be a clone of; empty if it is to be empty.
func (c *controller) source(owner claim) (string, error) {
	from := owner.Spec.DataSource
	if from == nil {
		return "", nil
	}
	if owner.Spec.StorageClassName != Local || from.Kind != "PersistentVolumeClaim" {
		return "", fmt.Errorf("StorageClass %q does not support a volume from %s %q", owner.Spec.StorageClassName, from.Kind, from.Name)
	}
	c.mutex.Lock()
	cloned := c.claims[owner.Metadata.Namespace+"/"+from.Name]
	c.mutex.Unlock()
	switch {
	case cloned.Metadata.Name == "" || cloned.Metadata.DeletionTimestamp != "":
		return "", fmt.Errorf("PersistentVolumeClaim %q not found", from.Name)
	case cloned.Status.Phase != "Bound":
		return "", fmt.Errorf("PersistentVolumeClaim %q is not bound", from.Name)
	case cloned.Spec.StorageClassName != Local:
		return "", fmt.Errorf("PersistentVolumeClaim %q has another StorageClass, %q", from.Name, cloned.Spec.StorageClassName)
	}
	smaller, err := less(owner.Spec.Resources.Requests.Storage, cloned.Status.Capacity.Storage)
	if err != nil {
		return "", err
	}
	if smaller {
		return "", fmt.Errorf("a clone of PersistentVolumeClaim %q needs at least %s", from.Name, cloned.Status.Capacity.Storage)
	}
	return cloned.Spec.VolumeName, nil
}

// copy clones a volume's content as it is at one moment: the processes that use it stand still meanwhile.
func (c *controller) copy(ctx context.Context, source, target string) error {
	resume, err := machine.Pause(ctx, c.ControlGroup, source)
	defer resume()
	if err != nil {
		return fmt.Errorf("cloning volume %q: %w", source, err)
	}
	command := exec.CommandContext(ctx, "cp", "--archive", "--reflink=auto", "--sparse=auto", filepath.Join(c.Dir, source)+"/.", target)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("cloning volume %q: %w: %s", source, err, bytes.TrimSpace(output))
	}
	return nil
}

// grow plays the resizer: the volume first, then what the claim says that it has. No file system has to grow.
func (c *controller) grow(ctx context.Context, seen claim) error {
	wanted := seen.Spec.Resources.Requests.Storage
	c.mutex.Lock()
	volume, found := c.volumes[seen.Spec.VolumeName]
	c.mutex.Unlock()
	if !found || volume.Metadata.Annotations[provisionedBy] != provisioner {
		return nil
	}
	small, err := less(volume.Spec.Capacity.Storage, wanted)
	if err != nil {
		return err
	}
	if small {
		err := c.api.Do(ctx, http.MethodPatch, volumesPath+"/"+volume.Metadata.Name, controlplane.MergePatch,
			object{"spec": object{"capacity": object{"storage": wanted}}}, nil)
		if err != nil {
			return err
		}
	}
	if behind, err := less(seen.Status.Capacity.Storage, wanted); err != nil || !behind {
		return err
	}
	err = c.api.Do(ctx, http.MethodPatch, seen.path()+"/status", controlplane.MergePatch,
		object{"status": object{"capacity": object{"storage": wanted}}}, nil)
	if err == nil {
		c.tell(ctx, seen, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded")
	}
	return err
}

// attendVolume deletes a volume that its claim has released.
func (c *controller) attendVolume(ctx context.Context, seen persistentVolume) error {
	if seen.Metadata.Annotations[provisionedBy] != provisioner || seen.Status.Phase != "Released" ||
		seen.Spec.PersistentVolumeReclaimPolicy != "Delete" || filepath.Base(seen.Metadata.Name) != seen.Metadata.Name {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(c.Dir, seen.Metadata.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting volume: %w", err)
	}
	err := c.api.Do(ctx, http.MethodDelete, volumesPath+"/"+seen.Metadata.Name, "", nil, nil)
	if controlplane.HasCode(err, http.StatusNotFound) {
		return nil
	}
	return err
}
