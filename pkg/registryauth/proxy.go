package registryauth

import (
	"net/http"
	"net/url"
	"strings"
)

// proxyFor is the proxy that requests to the URL go through, without its password; "" for none.
func proxyFor(target string) string {
	parsed, err := url.Parse(target)
	if err != nil {
		return ""
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: parsed})
	if err != nil || proxy == nil {
		return ""
	}
	return (&url.URL{Scheme: proxy.Scheme, Host: proxy.Host}).String()
}

// ofProxy is true of errors of the way to a proxy and of its refusals. They are no answer of the registry.
func ofProxy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "proxyconnect ") || strings.Contains(text, http.StatusText(http.StatusProxyAuthRequired)) ||
		strings.Contains(text, "socks connect ")
}
