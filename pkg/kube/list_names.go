package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Page is how many Pods are read at a time.
const Page = 500

// metadataOnly asks for names and labels without the objects: a list of Secrets must not carry what
// they hide.
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// oneMetadataOnly is metadataOnly for one object.
const oneMetadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// Namespaces are the names of the cluster's namespaces, at most a page.
func (c *Client) Namespaces(ctx context.Context) ([]string, error) {
	return c.names(ctx, KindNamespace, metav1.ListOptions{})
}

// ServiceAccounts are the names of those of the namespace, at most a page.
func (c *Client) ServiceAccounts(ctx context.Context) ([]string, error) {
	return c.names(ctx, KindServiceAccount, metav1.ListOptions{})
}

// Secrets are the names of those of the namespace, at most a page; with forRegistries, those alone
// that hold a docker config. Their contents are not read.
func (c *Client) Secrets(ctx context.Context, forRegistries bool) ([]string, error) {
	if !forRegistries {
		return c.names(ctx, KindSecret, metav1.ListOptions{})
	}
	return c.names(ctx, KindSecret, metav1.ListOptions{FieldSelector: "type=" + string(corev1.SecretTypeDockerConfigJson)})
}

// SecretKeys are the keys of a Secret; the values are read, and forgotten.
func (c *Client) SecretKeys(ctx context.Context, name string) ([]string, error) {
	secret, err := c.secret(ctx, name)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(secret.Data)), nil
}

// NodeLabels are the labels of the cluster's nodes as KEY=VALUE, of at most a page of nodes.
func (c *Client) NodeLabels(ctx context.Context) ([]string, error) {
	nodes, err := c.Metadata(ctx, KindNode, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	labels := map[string]bool{}
	for _, node := range nodes {
		for key, value := range node.Labels {
			labels[key+"="+value] = true
		}
	}
	return slices.Sorted(maps.Keys(labels)), nil
}

func (c *Client) names(ctx context.Context, kind string, options metav1.ListOptions) ([]string, error) {
	objects, err := c.Metadata(ctx, kind, options)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(objects))
	for _, object := range objects {
		names = append(names, object.Name)
	}
	return names, nil
}

// Metadata lists the objects of a kind without their contents, in one request.
func (c *Client) Metadata(ctx context.Context, kind string, options metav1.ListOptions) ([]metav1.PartialObjectMetadata, error) {
	options.Limit = Page
	result := c.at(c.api.Get(), kind).VersionedParams(&options, c.parameter).SetHeader("Accept", metadataOnly).Do(ctx)
	if err := c.failure(ctx, result.Error(), "list", kind, ""); err != nil {
		return nil, err
	}
	raw, err := result.Raw()
	if err != nil {
		return nil, fmt.Errorf("reading the list of kind %s: %w", kind, err)
	}
	list := &metav1.PartialObjectMetadataList{}
	if err := json.Unmarshal(raw, list); err != nil {
		return nil, fmt.Errorf("reading the list of kind %s: %w", kind, err)
	}
	return list.Items, nil
}

// CertainlyLacks reports whether the API server itself reports that the object does not exist.
func (c *Client) CertainlyLacks(ctx context.Context, kind, name string) bool {
	return CertainlyAbsent(c.at(c.api.Get(), kind).Name(name).SetHeader("Accept", oneMetadataOnly).Do(ctx).Error())
}

// CertainlyAbsent reports whether the API server itself said that the object does not exist, and
// not something in between that knows no such path.
func CertainlyAbsent(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err)
}
