package registryauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

// clientTrusting trusts the PEM beside the system's authorities.
func clientTrusting(pem []byte) (*http.Client, error) {
	pool, err := authorities(pem)
	if err != nil || pool == nil {
		return &http.Client{Transport: transport(nil)}, err
	}
	return &http.Client{Transport: transport(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})}, nil
}

// authorities are those of the PEM and the system's; nil is the system's alone.
func authorities(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool := systemAuthorities()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("trusting the registries' CA: it holds no certificate in PEM")
	}
	return pool, nil
}

func systemAuthorities() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
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
