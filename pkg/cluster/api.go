package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
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

// apply makes the object what it should be, and says whether it is new. The object is then what the server has.
func (c *Client) apply(ctx context.Context, object manifest.Object, dryRun bool) (created bool, err error) {
	kind := object.GetObjectKind().GroupVersionKind()
	fields, err := manifest.Fields(object)
	if err != nil {
		return false, err
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return false, fmt.Errorf("printing %s %q: %w", kind.Kind, object.GetName(), err)
	}
	// Nobody else has a say in these fields: what an editor changed by hand, install sets right.
	force := true
	options := metav1.PatchOptions{FieldManager: builder.FieldManager, Force: &force, DryRun: dryRunAll(dryRun)}
	var status int
	result := c.at(c.api.Patch(types.ApplyPatchType), kind.Kind).Name(object.GetName()).
		VersionedParams(&options, c.parameter).Body(body).Do(ctx).StatusCode(&status)
	err = result.Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return status == http.StatusCreated, c.failure(ctx, err, "apply", kind.Kind, object.GetName())
}

// create makes the object, which must not exist.
func (c *Client) create(ctx context.Context, object manifest.Object, dryRun bool) error {
	kind := object.GetObjectKind().GroupVersionKind()
	options := metav1.CreateOptions{FieldManager: builder.FieldManager, DryRun: dryRunAll(dryRun)}
	err := c.at(c.api.Post(), kind.Kind).VersionedParams(&options, c.parameter).Body(object).Do(ctx).Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return c.failure(ctx, err, "create", kind.Kind, object.GetName())
}

// replace overwrites the object if it still is of the version that the object names.
func (c *Client) replace(ctx context.Context, object manifest.Object) error {
	kind := object.GetObjectKind().GroupVersionKind()
	options := metav1.UpdateOptions{FieldManager: builder.FieldManager}
	err := c.at(c.api.Put(), kind.Kind).Name(object.GetName()).VersionedParams(&options, c.parameter).
		Body(object).Do(ctx).Into(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return c.failure(ctx, err, "update", kind.Kind, object.GetName())
}

// remove deletes the object if it still is the one of that UID; grace is in seconds, nil for the object's own.
func (c *Client) remove(ctx context.Context, kind, name string, uid types.UID, grace *int64) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{GracePeriodSeconds: grace, PropagationPolicy: &background}
	if uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	err := c.at(c.api.Delete(), kind).Name(name).Body(&options).Do(ctx).Error()
	return c.failure(ctx, err, "delete", kind, name)
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
