package install

import (
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// StorageReason is why the volumes cannot be what was asked for.
type StorageReason string

// Reasons of a StorageError.
const (
	// NoDefaultClass: no StorageClass is the default, and none was named.
	NoDefaultClass StorageReason = "NoDefaultClass"
	// NoSuchClass: the StorageClass that was named does not exist.
	NoSuchClass StorageReason = "NoSuchClass"
	// OtherClass: there are volumes of another StorageClass.
	OtherClass StorageReason = "OtherClass"
	// Smaller: there are larger volumes, and volumes cannot shrink.
	Smaller StorageReason = "Smaller"
	// CannotGrow: there are smaller volumes that cannot be expanded.
	CannotGrow StorageReason = "CannotGrow"
	// Refused: the cluster does not admit the volumes of all members, e.g. by a quota.
	Refused StorageReason = "Refused"
)

// StorageError is returned, before anything is changed, when the volumes cannot be what was asked
// for.
type StorageError struct {
	Name, Namespace string
	Reason          StorageReason
	// Claim is the PersistentVolumeClaim; empty for a class, and for what the StatefulSet itself
	// says.
	Claim string
	// Has is the size or the class that there is, Wants what was asked for.
	Has, Wants string
	// Classes are the StorageClasses of the cluster.
	Classes []string
	// Installed reports that the builder exists, and not only its volumes; WantedSize and
	// WantedClass are what it was to have.
	Installed               bool
	WantedSize, WantedClass string
	// Fits is the size that the quota leaves for each volume; empty if that is not more than they
	// have.
	Fits string
	// Err is what the cluster said; it may be nil.
	Err error
}

func (e *StorageError) Error() string {
	about := fmt.Sprintf("the volumes of builder %q in namespace %q", e.Name, e.Namespace)
	if e.Claim != "" {
		about = fmt.Sprintf("PersistentVolumeClaim %q in namespace %q", e.Claim, e.Namespace)
	}
	switch e.Reason {
	case NoDefaultClass:
		return "no StorageClass of this cluster is the default: a volume needs one"
	case NoSuchClass:
		return fmt.Sprintf("StorageClass %q not found", e.Wants)
	case OtherClass:
		return fmt.Sprintf("StorageClass of %s is %q: it cannot become %q", about, e.Has, e.Wants)
	case Smaller:
		return fmt.Sprintf("size of %s is %s: it cannot shrink to %s", about, e.Has, e.Wants)
	}
	if e.Reason == Refused {
		return fmt.Sprintf("size of %s cannot be %s: %v", about, e.Wants, e.Err)
	}
	text := fmt.Sprintf("size of %s is %s: it cannot grow to %s", about, e.Has, e.Wants)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *StorageError) Unwrap() error { return e.Err }

// Class returns fault.Usage.
func (*StorageError) Class() fault.Class { return fault.Usage }
