package kube

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Managers of the fields that kubectl apply writes: in the client's manner, and in the server's.
const (
	clientSideApply = "kubectl-client-side-apply"
	serverSideApply = "kubectl"
)

// takeOver makes the fields that kubectl has applied those of install, and returns the object as it
// is then. What `install -o yaml` prints may be applied with kubectl; of fields that both hold,
// none would ever go again, and a setting that is taken back would stay in the object.
func (c *Client) takeOver(ctx context.Context, kind string, existing manifest.Object) (manifest.Object, error) {
	entries := slices.Clone(existing.GetManagedFields())
	applied := false
	for n, entry := range entries {
		if entry.Subresource != "" {
			continue
		}
		if entry.Manager == serverSideApply && entry.Operation == metav1.ManagedFieldsOperationApply {
			entries[n].Operation = metav1.ManagedFieldsOperationUpdate // which is what can be joined
		}
		applied = applied || entry.Manager == serverSideApply || entry.Manager == clientSideApply
	}
	if !applied {
		return existing, nil
	}
	joined := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ManagedFields: entries}}
	if err := csaupgrade.UpgradeManagedFields(joined, sets.New(serverSideApply, clientSideApply), builder.FieldManager); err != nil {
		return nil, fmt.Errorf("reading who manages %s %q: %w", kind, existing.GetName(), err)
	}
	taken := NewObject(kind)
	taken.SetName(existing.GetName())
	taken.SetUID(existing.GetUID())
	taken.SetResourceVersion(existing.GetResourceVersion())
	return taken, c.Patch(ctx, kind, taken, map[string]any{"metadata": map[string]any{"managedFields": joined.ManagedFields}}, false)
}
