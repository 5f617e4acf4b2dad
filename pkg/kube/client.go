// Package kube is one namespace of the Kubernetes API: requests for objects of any kind, lists that
// are watched, the errors of the API as types, the contents of Secrets that the user names, and the
// user's permissions.
//
// It knows neither builders nor commands nor BuildKit.
package kube

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// Client speaks to one namespace of one cluster.
type Client struct {
	api       *rest.RESTClient
	host      string
	config    *rest.Config
	namespace string
	parameter runtime.ParameterCodec
	now       func() time.Time // this machine's clock; see Now
	clock     *clock
}

// New makes a Client for that namespace. It makes no request.
//
// It uses one REST client with a small scheme instead of client-go's clientset, which links every
// API group there is.
func New(config *rest.Config, namespace string) (*Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, rbacv1.AddToScheme, policyv1.AddToScheme, authorizationv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("preparing the client: %w", err)
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})

	config = rest.CopyConfig(config)
	config.APIPath = "/"
	config.GroupVersion = &schema.GroupVersion{Version: "v1"}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	// Answers in protobuf: a Pod as JSON takes two milliseconds to decode, which is what a whole
	// round trip may take.
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	// A handful of requests a command: the server's own fairness is enough, and the default limit
	// of 5 a second would be felt.
	config.QPS = -1
	if config.WarningHandler == nil && config.WarningHandlerWithContext == nil {
		config.WarningHandler = rest.NoWarnings{}
	}
	clock := &clock{}
	config.Wrap(func(transport http.RoundTripper) http.RoundTripper {
		filter := &foreignFilter{RoundTripper: transport, host: config.Host}
		return &measured{RoundTripper: filter, clock: clock, now: time.Now}
	})
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the client: %w", err)
	}
	client.Transport = &interruptible{client.Transport}
	api, err := rest.RESTClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("preparing the client: %w", err)
	}
	return &Client{
		api: api, host: config.Host, config: config, namespace: namespace,
		parameter: runtime.NewParameterCodec(scheme), now: time.Now, clock: clock,
	}, nil
}

// Namespace returns the namespace that this Client is for.
func (c *Client) Namespace() string { return c.namespace }

// Everywhere returns a Client for all namespaces.
func (c *Client) Everywhere() *Client {
	all := *c
	all.namespace = ""
	return &all
}

// Together runs functions at once and returns the first error in their order.
func Together(functions ...func() error) error {
	errs := make([]error, len(functions))
	var all sync.WaitGroup
	for i, function := range functions {
		all.Go(func() { errs[i] = function() })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
