package registryauth

import (
	"net/http"
	"net/url"
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
