package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	protocols "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
)

// upgrade opens a connection to the Pod's port-forward. Every dial has its own round tripper: an
// upgraded connection belongs to its conn and cannot be shared.
func (d Dialer) upgrade(ctx context.Context, target Target) (io.ReadWriteCloser, error) {
	if d.Transport == SPDY {
		return d.upgradeSPDY(ctx, target)
	}
	link, err := d.upgradeWebSocket(ctx, target)
	if err != nil && d.Transport != WebSocket && otherMayWork(err) {
		return d.upgradeSPDY(ctx, target)
	}
	return link, err
}

// otherMayWork reports whether SPDY may work: a server or proxy does not support WebSocket. An
// error about the Pod or the user is final, except "forbidden": WebSocket needs the verb get, and
// SPDY the verb create.
//
// The predicate is that of k8s.io/streaming; apimachinery's of the same name tests another type and
// is never true.
func otherMayWork(err error) bool {
	if apierrors.IsNotFound(err) || apierrors.IsUnauthorized(err) {
		return false
	}
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

func (d Dialer) upgradeWebSocket(ctx context.Context, target Target) (io.ReadWriteCloser, error) {
	address, err := d.url(target, "portforward")
	if err != nil {
		return nil, err
	}
	transport, holder, err := websocket.RoundTripperFor(d.Config)
	if err != nil {
		return nil, fmt.Errorf("preparing WebSocket: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("preparing WebSocket: %w", err)
	}
	conn, err := websocket.Negotiate(transport, holder, request, protocols.WebsocketsSPDYTunnelingPortForwardV1)
	if err != nil {
		return nil, unwrapUpgrade(err)
	}
	return portforward.NewTunnelingConnection("tunnel", conn), nil
}

// unwrapUpgrade returns an error in which errors.As finds the API server's error, which the upgrade
// failure hides.
func unwrapUpgrade(err error) error {
	if failure := (&httpstream.UpgradeFailureError{}); errors.As(err, &failure) && failure.Cause != nil {
		return fmt.Errorf("%w: %w", err, failure.Cause)
	}
	return err
}

// upgradeSPDY requests SPDY as kubectl does, with net/http, which handles proxies, credentials and
// the context, and returns the connection with the response 101.
func (d Dialer) upgradeSPDY(ctx context.Context, target Target) (io.ReadWriteCloser, error) {
	address, err := d.url(target, "portforward")
	if err != nil {
		return nil, err
	}
	transport, err := d.transport()
	if err != nil {
		return nil, fmt.Errorf("preparing SPDY: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("preparing SPDY: %w", err)
	}
	request.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	request.Header.Set(httpstream.HeaderUpgrade, "SPDY/3.1")
	request.Header.Set(httpstream.HeaderProtocolVersion, protocols.PortForwardV1Name)
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	link, ok := response.Body.(io.ReadWriteCloser)
	if response.StatusCode != http.StatusSwitchingProtocols || !ok {
		defer func() { _ = response.Body.Close() }()
		return nil, refusal(response)
	}
	return link, nil
}

// transport returns a round tripper with the user's credentials for one HTTP/1.1 connection, which
// can be upgraded.
func (d Dialer) transport() (http.RoundTripper, error) {
	config, err := rest.TLSConfigFor(d.Config)
	if err != nil {
		return nil, err
	}
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	proxy := d.Config.Proxy
	if proxy == nil {
		proxy = utilnet.NewProxierWithNoProxyCIDR(http.ProxyFromEnvironment)
	}
	return rest.HTTPWrappersForConfig(d.Config, &http.Transport{
		Proxy:               proxy,
		DialContext:         d.Config.Dial,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		DisableKeepAlives:   true,
	})
}

// refusal returns why the server did not upgrade: its Status if there is one, else the beginning of
// the response.
func refusal(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		text = []byte(err.Error())
	}
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	const enough = 200
	return fmt.Errorf("the server answers %s: %.*s", response.Status, enough, strings.TrimSpace(string(text)))
}

// url returns the URL of the Pod's subresource, e.g.
// https://host/api/v1/namespaces/team/pods/buildkitd/portforward.
func (d Dialer) url(target Target, subresource string) (*url.URL, error) {
	base, _, err := rest.DefaultServerUrlFor(d.Config)
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's address: %w", err)
	}
	return base.JoinPath("api", "v1", "namespaces", target.Namespace, "pods", target.Pod, subresource), nil
}
