package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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
	kindPod         = "Pod"
	kindSecret      = "Secret"
	kindConfigMap   = "ConfigMap"
	kindRole        = "Role"
	kindStatefulSet = "StatefulSet"
	kindClaim       = "PersistentVolumeClaim"
	kindEvent       = "Event"

	kindServiceAccount = "ServiceAccount"
	kindNamespace      = "Namespace"
	kindNode           = "Node"
	kindVolume         = "PersistentVolume"
	kindStorageClass   = "StorageClass"
)

// resource is a kind's place in the API: the prefix of its group and its plural.
func resource(kind string) (prefix, plural string) {
	switch kind {
	case kindStatefulSet:
		return "/apis/apps/v1", "statefulsets"
	case kindRole:
		return "/apis/rbac.authorization.k8s.io/v1", "roles"
	case kindClaim:
		return "/api/v1", "persistentvolumeclaims"
	case kindSecret:
		return "/api/v1", "secrets"
	case kindConfigMap:
		return "/api/v1", "configmaps"
	case kindServiceAccount:
		return "/api/v1", "serviceaccounts"
	case kindEvent:
		return "/api/v1", "events"
	case kindNamespace:
		return "/api/v1", "namespaces"
	case kindNode:
		return "/api/v1", "nodes"
	case kindVolume:
		return "/api/v1", "persistentvolumes"
	case kindStorageClass:
		return "/apis/storage.k8s.io/v1", "storageclasses"
	default:
		return "/api/v1", "pods"
	}
}

// at points a request at a kind in this Client's namespace.
func (c *Client) at(request *rest.Request, kind string) *rest.Request {
	prefix, plural := resource(kind)
	return request.AbsPath(prefix).Namespace(c.namespace).Resource(plural)
}

func (c *Client) get(ctx context.Context, kind, name string, into runtime.Object) error {
	err := c.at(c.api.Get(), kind).Name(name).Do(ctx).Into(into)
	return c.failure(ctx, err, "get", kind, name)
}

// list reads the objects that the options select, in this Client's namespace.
func (c *Client) list(ctx context.Context, kind string, options metav1.ListOptions, into runtime.Object) error {
	err := c.at(c.api.Get(), kind).VersionedParams(&options, c.parameter).Do(ctx).Into(into)
	return c.failure(ctx, err, "list", kind, "")
}

func (c *Client) watch(ctx context.Context, kind string, options metav1.ListOptions) (watch.Interface, error) {
	options.Watch = true
	watcher, err := c.at(c.api.Get(), kind).VersionedParams(&options, c.parameter).Watch(ctx)
	return watcher, c.failure(ctx, err, "watch", kind, "")
}

// apply makes the object what it should be, and says whether it is new. The object is then what the server has. What was
// found must not have changed since: that is a conflict. Of an object that was not found, others may hold no field that
// differs.
func (c *Client) apply(ctx context.Context, object, existing manifest.Object, dryRun bool) (created bool, err error) {
	kind := object.GetObjectKind().GroupVersionKind()
	fields, err := manifest.Fields(object)
	if err != nil {
		return false, err
	}
	if existing != nil {
		metadata, _ := fields["metadata"].(map[string]any)
		metadata["uid"], metadata["resourceVersion"] = string(existing.GetUID()), existing.GetResourceVersion()
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return false, fmt.Errorf("printing %s %q: %w", kind.Kind, object.GetName(), err)
	}
	// Of what is ours, nobody else has a say in these fields: what an editor changed by hand, install sets right.
	options := metav1.PatchOptions{FieldManager: builder.FieldManager, Force: new(existing != nil), DryRun: dryRunAll(dryRun)}
	var status int
	result := c.at(c.api.Patch(types.ApplyPatchType), kind.Kind).Name(object.GetName()).
		VersionedParams(&options, c.parameter).Body(body).Do(ctx).StatusCode(&status)
	err = result.Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return status == http.StatusCreated, c.failure(ctx, err, "apply", kind.Kind, object.GetName())
}

// patch merges fields into the object if it has not changed since it was read; the object is then what the server has.
func (c *Client) patch(ctx context.Context, kind string, object manifest.Object, fields map[string]any, dryRun bool) error {
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

// create makes the object, which must not exist.
func (c *Client) create(ctx context.Context, object manifest.Object, dryRun bool) error {
	kind := object.GetObjectKind().GroupVersionKind()
	options := metav1.CreateOptions{FieldManager: builder.FieldManager, DryRun: dryRunAll(dryRun)}
	err := c.at(c.api.Post(), kind.Kind).VersionedParams(&options, c.parameter).Body(object).Do(ctx).Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return c.failure(ctx, err, "create", kind.Kind, object.GetName())
}

// replace overwrites the object if it still is of the UID and the version that the object names.
func (c *Client) replace(ctx context.Context, object manifest.Object, dryRun bool) error {
	kind := object.GetObjectKind().GroupVersionKind()
	options := metav1.UpdateOptions{FieldManager: builder.FieldManager, DryRun: dryRunAll(dryRun)}
	err := c.at(c.api.Put(), kind.Kind).Name(object.GetName()).VersionedParams(&options, c.parameter).
		Body(object).Do(ctx).Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return c.failure(ctx, err, "update", kind.Kind, object.GetName())
}

// deletion says how an object is deleted.
type deletion struct {
	grace  *int64 // in seconds; nil is the object's own
	orphan bool   // what it owns stays
	// still says whether the object, which may have changed, is still to be deleted; nil is always.
	still func(manifest.Object) bool
}

// remove deletes the object if it still is the one that was found. One that is gone, or another object by now, is no error;
// one that is not to be deleted any more is a *ConflictError.
func (c *Client) remove(ctx context.Context, kind string, object manifest.Object, how deletion) error {
	propagation := metav1.DeletePropagationBackground
	if how.orphan {
		propagation = metav1.DeletePropagationOrphan
	}
	uid, name := object.GetUID(), object.GetName()
	for range attempts {
		version := object.GetResourceVersion()
		options := metav1.DeleteOptions{
			GracePeriodSeconds: how.grace, PropagationPolicy: &propagation,
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
		object = newObject(kind)
		if ok, err := c.look(ctx, kind, name, object); err != nil || !ok || object.GetUID() != uid {
			return err
		}
		if how.still != nil && !how.still(object) {
			return &ConflictError{Kind: kind, Name: name, Namespace: c.namespace}
		}
	}
	return &ConflictError{Kind: kind, Name: name, Namespace: c.namespace}
}

// newObject is an empty object of a kind.
func newObject(kind string) manifest.Object {
	switch kind {
	case kindStatefulSet:
		return &appsv1.StatefulSet{}
	case kindRole:
		return &rbacv1.Role{}
	case kindClaim:
		return &corev1.PersistentVolumeClaim{}
	case kindSecret:
		return &corev1.Secret{}
	case kindConfigMap:
		return &corev1.ConfigMap{}
	default:
		return &corev1.Pod{}
	}
}

// logs reads the last lines of a container; previous asks for the one before the last restart.
func (c *Client) logs(ctx context.Context, pod, container string, previous bool, lines int64) ([]byte, error) {
	options := corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &lines}
	text, err := c.at(c.api.Get(), kindPod).Name(pod).SubResource("log").VersionedParams(&options, c.parameter).DoRaw(ctx)
	return text, c.failure(ctx, err, "get", "pods/log", pod)
}

func dryRunAll(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}
