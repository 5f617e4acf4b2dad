package registryauth

import (
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// proxyOf returns the proxy of the environment for the request. net/http would quote one that it cannot parse, with its
// password.
func proxyOf(request *http.Request) (*url.URL, error) {
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(request.URL)
	if err != nil {
		return nil, errors.New("invalid proxy in the environment variable HTTPS_PROXY or HTTP_PROXY: it is not a URL")
	}
	return proxy, nil
}

// proxyFor is the proxy that requests to the URL go through, without its password; "" for none.
func proxyFor(target string) string {
	parsed, err := url.Parse(target)
	if err != nil {
		return ""
	}
	proxy, err := proxyOf(&http.Request{URL: parsed})
	if err != nil || proxy == nil {
		return ""
	}
	return (&url.URL{Scheme: proxy.Scheme, Host: proxy.Host}).String()
}
