package volume

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/controlplane"
)

// selectedNode is the annotation in which the scheduler says which node a Pod, and so its volume, is for.
const selectedNode = "volume.kubernetes.io/selected-node"

// provisionedBy is the annotation that says whose a volume is.
const provisionedBy = "pv.kubernetes.io/provisioned-by"

type metadata struct {
	Namespace, Name, UID, ResourceVersion string
	DeletionTimestamp                     string
	Annotations                           map[string]string
}

// sizes is a list of resources, of which storage alone is of interest.
type sizes struct{ Storage string }

// claim is what is read of a PersistentVolumeClaim.
type claim struct {
	Metadata metadata
	Spec     struct {
		StorageClassName string
		VolumeName       string
		AccessModes      []string
		VolumeMode       string
		Resources        struct{ Requests sizes }
		DataSource       *struct{ Kind, Name string }
	}
	Status struct {
		Phase    string
		Capacity sizes
	}
}

func (c claim) key() string { return c.Metadata.Namespace + "/" + c.Metadata.Name }

func (c claim) path() string {
	return "/api/v1/namespaces/" + c.Metadata.Namespace + "/persistentvolumeclaims/" + c.Metadata.Name
}

// volumeName is the name of the volume that is made for the claim, and of its directory.
func (c claim) volumeName() string { return "pvc-" + c.Metadata.UID }

// persistentVolume is what is read of a PersistentVolume.
type persistentVolume struct {
	Metadata metadata
	Spec     struct {
		Capacity                      sizes
		PersistentVolumeReclaimPolicy string
		ClaimRef                      *struct{ Namespace, Name, UID string }
	}
	Status struct{ Phase string }
}

// bytesOf reads a quantity of Kubernetes, as far as sizes of volumes have one.
func bytesOf(quantity string) (int64, error) {
	units := []struct {
		suffix string
		factor float64
	}{
		{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"", 1},
	}
	for _, unit := range units {
		digits, found := strings.CutSuffix(quantity, unit.suffix)
		if !found {
			continue
		}
		number, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return 0, fmt.Errorf("reading size %q: %w", quantity, err)
		}
		return int64(number * unit.factor), nil
	}
	return 0, fmt.Errorf("reading size %q", quantity)
}

// less tells whether a quantity is smaller than another. One that is not there is smaller than any.
func less(quantity, than string) (bool, error) {
	if quantity == "" {
		return true, nil
	}
	size, err := bytesOf(quantity)
	if err != nil {
		return false, err
	}
	other, err := bytesOf(than)
	return size < other, err
}

// tell leaves an event about the claim, as a provisioner does. A lost event is ignored.
func (c *controller) tell(ctx context.Context, about claim, kind, reason, message string) {
	now := c.now().UTC().Format(time.RFC3339)
	err := c.api.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+about.Metadata.Namespace+"/events", controlplane.JSON, object{
		"apiVersion": "v1", "kind": "Event",
		"metadata": object{"name": about.Metadata.Name + "." + strings.ToLower(rand.Text()), "namespace": about.Metadata.Namespace},
		"involvedObject": object{
			"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": about.Metadata.Namespace, "name": about.Metadata.Name,
			"uid": about.Metadata.UID, "resourceVersion": about.Metadata.ResourceVersion,
		},
		"type": kind, "reason": reason, "message": message, "source": object{"component": provisioner},
		"firstTimestamp": now, "lastTimestamp": now, "count": 1,
	}, nil)
	if err != nil {
		fmt.Fprintf(c.log, "%s %s: leaving an event: %v\n", now, about.key(), err)
	}
}
