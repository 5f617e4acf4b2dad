package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Kinds of objects that this package touches.
const (
	KindPod         = "Pod"
	KindSecret      = "Secret"
	KindConfigMap   = "ConfigMap"
	KindRole        = "Role"
	KindStatefulSet = "StatefulSet"
	KindClaim       = "PersistentVolumeClaim"
	KindEvent       = "Event"
	KindBudget      = "PodDisruptionBudget"
	KindJob         = "Job"

	KindServiceAccount = "ServiceAccount"
	KindNamespace      = "Namespace"
	KindNode           = "Node"
	KindVolume         = "PersistentVolume"
	KindStorageClass   = "StorageClass"
)

// resource is a kind's place in the API: the prefix of its group and its plural.
func resource(kind string) (prefix, plural string) {
	switch kind {
	case KindStatefulSet:
		return "/apis/apps/v1", "statefulsets"
	case KindJob:
		return "/apis/batch/v1", "jobs"
	case KindRole:
		return "/apis/rbac.authorization.k8s.io/v1", "roles"
	case KindBudget:
		return "/apis/policy/v1", "poddisruptionbudgets"
	case KindClaim:
		return "/api/v1", "persistentvolumeclaims"
	case KindSecret:
		return "/api/v1", "secrets"
	case KindConfigMap:
		return "/api/v1", "configmaps"
	case KindServiceAccount:
		return "/api/v1", "serviceaccounts"
	case KindEvent:
		return "/api/v1", "events"
	case KindNamespace:
		return "/api/v1", "namespaces"
	case KindNode:
		return "/api/v1", "nodes"
	case KindVolume:
		return "/api/v1", "persistentvolumes"
	case KindStorageClass:
		return "/apis/storage.k8s.io/v1", "storageclasses"
	default:
		return "/api/v1", "pods"
	}
}

// clusterScoped reports whether objects of the kind are in no namespace.
func clusterScoped(kind string) bool {
	switch kind {
	case KindNamespace, KindNode, KindVolume, KindStorageClass:
		return true
	}
	return false
}

// at points a request at a kind in this Client's namespace.
func (c *Client) at(request *rest.Request, kind string) *rest.Request {
	prefix, plural := resource(kind)
	if clusterScoped(kind) {
		return request.AbsPath(prefix).Resource(plural)
	}
	return request.AbsPath(prefix).Namespace(c.namespace).Resource(plural)
}

// Get reads an object of this Client's namespace, or of the cluster.
func (c *Client) Get(ctx context.Context, kind, name string, into runtime.Object) error {
	err := c.at(c.api.Get(), kind).Name(name).Do(ctx).Into(into)
	return c.failure(ctx, err, "get", kind, name)
}

// ListObjects reads the objects that the options select, in this Client's namespace.
func (c *Client) ListObjects(ctx context.Context, kind string, options metav1.ListOptions, into runtime.Object) error {
	err := c.at(c.api.Get(), kind).VersionedParams(&options, c.parameter).Do(ctx).Into(into)
	return c.failure(ctx, err, "list", kind, "")
}

func (c *Client) watch(ctx context.Context, kind string, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	watcher, err := c.at(c.api.Get(), kind).VersionedParams(&options, c.parameter).Watch(ctx)
	return watcher, c.failure(ctx, err, "watch", kind, "")
}

// Apply makes the object what it should be, and says whether it is new. The object is then what the
// server has. What was found must not have changed since: that is a conflict. Of an object that was
// not found, others may hold no field that differs.
func (c *Client) Apply(ctx context.Context, object, existing manifest.Object, dryRun bool) (created bool, err error) {
	kind := object.GetObjectKind().GroupVersionKind()
	fields, err := manifest.Fields(object)
	if err != nil {
		return false, err
	}
	if existing != nil && !dryRun {
		if existing, err = c.takeOver(ctx, kind.Kind, existing); err != nil {
			return false, err
		}
	}
	if existing != nil {
		metadata, _ := fields["metadata"].(map[string]any)
		metadata["uid"], metadata["resourceVersion"] = string(existing.GetUID()), existing.GetResourceVersion()
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return false, fmt.Errorf("printing %s %q: %w", kind.Kind, object.GetName(), err)
	}
	// Of what is ours, install alone decides about these fields: what an editor changed by hand,
	// install sets right.
	options := metav1.PatchOptions{FieldManager: builder.FieldManager, Force: new(existing != nil), DryRun: dryRunAll(dryRun)}
	var status int
	result := c.at(c.api.Patch(types.ApplyPatchType), kind.Kind).Name(object.GetName()).
		VersionedParams(&options, c.parameter).Body(body).Do(ctx).StatusCode(&status)
	err = result.Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return status == http.StatusCreated, c.failure(ctx, err, "apply", kind.Kind, object.GetName())
}

// Patch merges fields into the object if it has not changed since it was read; the object is then
// what the server has.
func (c *Client) Patch(ctx context.Context, kind string, object manifest.Object, fields map[string]any, dryRun bool) error {
	metadata, _ := fields["metadata"].(map[string]any)
	merged := map[string]any{"uid": string(object.GetUID()), "resourceVersion": object.GetResourceVersion()}
	maps.Copy(merged, metadata)
	fields = maps.Clone(fields)
	fields["metadata"] = merged
	body, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("printing %s %q: %w", kind, object.GetName(), err)
	}
	options := metav1.PatchOptions{FieldManager: builder.FieldManager, DryRun: dryRunAll(dryRun)}
	err = c.at(c.api.Patch(types.MergePatchType), kind).Name(object.GetName()).
		VersionedParams(&options, c.parameter).Body(body).Do(ctx).Into(object)
	return c.failure(ctx, err, "patch", kind, object.GetName())
}

// Create makes the object, which must not exist.
func (c *Client) Create(ctx context.Context, object manifest.Object, dryRun bool) error {
	kind := object.GetObjectKind().GroupVersionKind()
	options := metav1.CreateOptions{FieldManager: builder.FieldManager, DryRun: dryRunAll(dryRun)}
	err := c.at(c.api.Post(), kind.Kind).VersionedParams(&options, c.parameter).Body(object).Do(ctx).Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return c.failure(ctx, err, "create", kind.Kind, object.GetName())
}

// Update overwrites the object if it still is of the UID and the version that the object names.
func (c *Client) Update(ctx context.Context, object manifest.Object, dryRun bool) error {
	kind := object.GetObjectKind().GroupVersionKind()
	options := metav1.UpdateOptions{FieldManager: builder.FieldManager, DryRun: dryRunAll(dryRun)}
	err := c.at(c.api.Put(), kind.Kind).Name(object.GetName()).VersionedParams(&options, c.parameter).
		Body(object).Do(ctx).Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return c.failure(ctx, err, "update", kind.Kind, object.GetName())
}

// Deletion says how an object is deleted.
type Deletion struct {
	Grace  *int64 // in seconds; nil is the object's own
	Orphan bool   // what it owns stays
	// Still says whether the object, which may have changed, is still to be deleted; nil is always.
	Still func(manifest.Object) bool
}

// Delete deletes the object if it still is the one that was found. One that is gone, or another
// object by now, is not an error; one that is not to be deleted any more is a *ConflictError.
func (c *Client) Delete(ctx context.Context, kind string, object manifest.Object, how Deletion) error {
	propagation := metav1.DeletePropagationBackground
	if how.Orphan {
		propagation = metav1.DeletePropagationOrphan
	}
	uid, name := object.GetUID(), object.GetName()
	for range Attempts {
		version := object.GetResourceVersion()
		options := metav1.DeleteOptions{
			GracePeriodSeconds: how.Grace, PropagationPolicy: &propagation,
			Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		}
		err := c.at(c.api.Delete(), kind).Name(name).Body(&options).Do(ctx).Error()
		if apierrors.IsNotFound(err) || err == nil {
			return nil
		}
		if !apierrors.IsConflict(err) {
			return c.failure(ctx, err, "delete", kind, name)
		}
		// Its controller may only have written the status.
		object = NewObject(kind)
		if ok, err := c.GetIfExists(ctx, kind, name, object); err != nil || !ok || object.GetUID() != uid {
			return err
		}
		if how.Still != nil && !how.Still(object) {
			return &ConflictError{Kind: kind, Name: name, Namespace: c.namespace}
		}
	}
	return &ConflictError{Kind: kind, Name: name, Namespace: c.namespace}
}

// Attempts is how often a step starts over because another client changed an object in between.
const Attempts = 10

// Reference names an object, e.g. Secret "buildkitd-client".
type Reference struct{ Kind, Name string }

func (r Reference) String() string { return r.Kind + "/" + r.Name }

// GetIfExists is get, for which "not found" is an answer.
func (c *Client) GetIfExists(ctx context.Context, kind, name string, into manifest.Object) (bool, error) {
	err := c.Get(ctx, kind, name, into)
	var gone *NamespaceNotFoundError
	if apierrors.IsNotFound(err) && !errors.As(err, &gone) {
		return false, nil
	}
	return err == nil, err
}

// NewObject is an empty object of a kind.
func NewObject(kind string) manifest.Object {
	switch kind {
	case KindStatefulSet:
		return &appsv1.StatefulSet{}
	case KindJob:
		return &batchv1.Job{}
	case KindRole:
		return &rbacv1.Role{}
	case KindBudget:
		return &policyv1.PodDisruptionBudget{}
	case KindClaim:
		return &corev1.PersistentVolumeClaim{}
	case KindSecret:
		return &corev1.Secret{}
	case KindConfigMap:
		return &corev1.ConfigMap{}
	default:
		return &corev1.Pod{}
	}
}

// StreamLog opens the log of a container. The caller closes it; ctx ends it.
func (c *Client) StreamLog(ctx context.Context, pod string, options corev1.PodLogOptions) (io.ReadCloser, error) {
	log, err := c.at(c.api.Get(), KindPod).Name(pod).SubResource("log").VersionedParams(&options, c.parameter).Stream(ctx)
	return log, c.failure(ctx, err, "get", "pods/log", pod)
}

// ContainerLog reads the last lines of a container; previous asks for the one before the last
// restart.
func (c *Client) ContainerLog(ctx context.Context, pod, container string, previous bool, lines int64) ([]byte, error) {
	options := corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &lines}
	text, err := c.at(c.api.Get(), KindPod).Name(pod).SubResource("log").VersionedParams(&options, c.parameter).DoRaw(ctx)
	return text, c.failure(ctx, err, "get", "pods/log", pod)
}

func dryRunAll(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}
