package install

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// existing is what exists of a builder; a nil object does not exist, or may not be read.
type existing struct {
	server, client *corev1.Secret
	config         *corev1.ConfigMap
	role           *rbacv1.Role
	pod            *corev1.Pod
	set            *appsv1.StatefulSet
	budget         *policyv1.PodDisruptionBudget
	budgetUnseen   error // why the budget may not be read
	// orphans are the members whose set is gone: an install that lets their volumes grow puts
	// another set in its place, and was interrupted before.
	orphans []*corev1.Pod
}

// find reads all objects of a builder at once.
func (c api) find(ctx context.Context, name string) (*existing, error) {
	f := &existing{}
	server, client, config, role := &corev1.Secret{}, &corev1.Secret{}, &corev1.ConfigMap{}, &rbacv1.Role{}
	pod, set, budget := &corev1.Pod{}, &appsv1.StatefulSet{}, &policyv1.PodDisruptionBudget{}
	var unseen error
	err := kube.Together(
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindSecret, builder.ServerSecretName(name), server)
			f.server = orNil(ok, server)
			return err
		},
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindSecret, builder.ClientSecretName(name), client)
			f.client = orNil(ok, client)
			return err
		},
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindConfigMap, builder.ConfigName(name), config)
			f.config = orNil(ok, config)
			return err
		},
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindRole, builder.RoleName(name), role)
			f.role = orNil(ok, role)
			if kube.IsForbidden(err) {
				// A user who may not deal with roles may well install.
				return nil
			}
			return err
		},
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindPod, name, pod)
			f.pod = orNil(ok, pod)
			return err
		},
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindStatefulSet, name, set)
			f.set = orNil(ok, set)
			if kube.IsForbidden(err) {
				unseen = err
				return nil
			}
			return err
		},
		func() error {
			ok, err := c.GetIfExists(ctx, kube.KindBudget, builder.BudgetName(name), budget)
			f.budget = orNil(ok, budget)
			if kube.IsForbidden(err) {
				f.budgetUnseen = err // which matters where one is asked for
				return nil
			}
			return err
		},
	)
	if err == nil {
		err = c.findAgain(ctx, name, f, unseen)
	}
	return f, err
}

// findAgain reads what only the other objects make necessary. The set may be unseen.
func (c api) findAgain(ctx context.Context, name string, f *existing, unseen error) (err error) {
	if f.config == nil && (f.pod != nil || f.set != nil) {
		// Settings are written before members: another install may have made both meanwhile.
		config := &corev1.ConfigMap{}
		ok, err := c.GetIfExists(ctx, kube.KindConfigMap, builder.ConfigName(name), config)
		f.config = orNil(ok, config)
		if err != nil {
			return err
		}
	}
	if f.set != nil || !f.hasMembers(name) {
		return nil
	}
	if unseen != nil {
		// Of a builder that is a set, not to see it is not to know that there is none.
		return unseen
	}
	f.orphans, err = c.membersOf(ctx, name, func(pod *corev1.Pod) bool {
		return isOf(pod, name) && pod.Name != name && pod.DeletionTimestamp == nil
	})
	return err
}

// hasMembers reports whether the client's Secret names members of a set.
func (f *existing) hasMembers(name string) bool {
	if f.client == nil {
		return false
	}
	document, err := manifest.ReadConnection(f.client)
	return err == nil && len(document.Members) > 0 && !slices.Contains(document.Members, name)
}

func orNil[T any](ok bool, object *T) *T {
	if !ok {
		return nil
	}
	return object
}

// each calls visit with every object that exists.
func (f *existing) each(visit func(kind string, object manifest.Object)) {
	if f.set != nil {
		visit(kube.KindStatefulSet, f.set)
	}
	if f.pod != nil {
		visit(kube.KindPod, f.pod)
	}
	if f.client != nil {
		visit(kube.KindSecret, f.client)
	}
	if f.server != nil {
		visit(kube.KindSecret, f.server)
	}
	if f.config != nil {
		visit(kube.KindConfigMap, f.config)
	}
	if f.role != nil {
		visit(kube.KindRole, f.role)
	}
	if f.budget != nil {
		visit(kube.KindBudget, f.budget)
	}
}

// isOf reports whether an object with a name of the builder's is the builder's: its labels say so,
// and it is not the Pod of another controller. A Pod "ci-0" may be a member of a builder "ci", and
// is not the builder "ci-0" then.
func isOf(object manifest.Object, name string) bool {
	controller := metav1.GetControllerOf(object)
	return sameBuilder(object, name) && (controller == nil || controller.Kind == kube.KindNamespace)
}

// sameBuilder reports whether the labels of an object are those of the builder's.
func sameBuilder(object manifest.Object, name string) bool {
	labels := object.GetLabels()
	return cluster.IsManaged(labels) && labels[builder.LabelInstance] == name
}

// foreign is an error if any of the objects is not the builder's. Only who asks for a budget needs
// the name of one: see checkBudget.
func (f *existing) foreign(name, namespace string) error {
	var err error
	f.each(func(kind string, object manifest.Object) {
		if err == nil && kind != kube.KindBudget && !isOf(object, name) {
			err = &ForeignError{Kind: kind, Name: object.GetName(), Namespace: namespace, Builder: name}
		}
	})
	return err
}

// own returns what is the builder's of what was found.
func (f *existing) own(name string) *existing {
	return &existing{
		server: ownOrNil(f.server, name), client: ownOrNil(f.client, name), config: ownOrNil(f.config, name),
		role: ownOrNil(f.role, name), pod: ownOrNil(f.pod, name), set: ownOrNil(f.set, name), budget: ownOrNil(f.budget, name),
		orphans: f.orphans,
	}
}

func ownOrNil[T any, P interface {
	*T
	manifest.Object
}](object P, name string) P {
	if object == nil || !isOf(object, name) {
		return nil
	}
	return object
}

// like is the object of the same kind and name that was found; nil if there is none.
func (f *existing) like(wanted manifest.Object) manifest.Object {
	var existing manifest.Object
	f.each(func(kind string, object manifest.Object) {
		if kind == kindOf(wanted) && object.GetName() == wanted.GetName() {
			existing = object
		}
	})
	return existing
}

// workload is the Pod or the StatefulSet; nil if there is none but a Pod that is going.
func (f *existing) workload() manifest.Object {
	switch {
	case f.set != nil:
		return f.set
	case f.pod != nil && f.pod.DeletionTimestamp == nil:
		return f.pod
	}
	return nil
}

// unowned is an error if there are Secrets or settings of a builder that has no workload, and not
// both the settings and the server's Secret, which install writes first: what they say cannot be
// trusted.
func (f *existing) unowned(name, namespace string) *UnownedError {
	if f.workload() != nil || f.pod != nil || f.config != nil && f.server != nil || !f.hasObjects() {
		return nil
	}
	problem := &UnownedError{Name: name, Namespace: namespace}
	for _, each := range []struct {
		kube.Reference
		there bool
	}{
		{kube.Reference{Kind: kube.KindSecret, Name: builder.ServerSecretName(name)}, f.server != nil},
		{kube.Reference{Kind: kube.KindSecret, Name: builder.ClientSecretName(name)}, f.client != nil},
		{kube.Reference{Kind: kube.KindConfigMap, Name: builder.ConfigName(name)}, f.config != nil},
	} {
		switch {
		case each.there:
			problem.Found = append(problem.Found, each.Reference)
		case each.Name != builder.ClientSecretName(name):
			problem.Missing = append(problem.Missing, each.Reference)
		}
	}
	return problem
}

// hasObjects reports whether there are Secrets or settings.
func (f *existing) hasObjects() bool { return f.server != nil || f.client != nil || f.config != nil }

// absent says that the builder has neither a workload nor members; a Pod that is going is none.
func (f *existing) absent() bool { return f.workload() == nil && len(f.orphans) == 0 }

// certificates are those that exist if they are good and proved to be the builder's, else new ones,
// which keep what running members accept.
func (f *existing) certificates(now time.Time, name string, proved bool) (certificates *trust.Certificates, issued bool, err error) {
	if f.server == nil || !proved {
		certificates, err = trust.Issue(now, name)
		return certificates, true, err
	}
	return renewed(now, name, manifest.Certificates(f.server))
}
