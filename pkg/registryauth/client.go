package registryauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

// clientTrusting trusts the PEM beside the system's authorities.
func clientTrusting(pem []byte) (*http.Client, error) {
	if len(pem) == 0 {
		return &http.Client{Transport: transport(nil)}, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("trusting the registries' CA: it holds no certificate in PEM")
	}
	return &http.Client{Transport: transport(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})}, nil
}

// clientTrustingAll is for registries that the user calls insecure.
func clientTrustingAll() *http.Client {
	return &http.Client{Transport: transport(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})}
}

func transport(config *tls.Config) *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if base, ok := http.DefaultTransport.(*http.Transport); ok {
		t = base.Clone()
	}
	if config != nil {
		t.TLSClientConfig = config
	}
	return t
}
