package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// registry asks a registry of the cluster what it holds, without any of the product's code.
type registry struct {
	t              *testing.T
	host, scheme   string
	user, password string
	client         *http.Client
}

func openRegistry(t *testing.T) registry {
	t.Helper()
	return registry{t: t, host: need(t, "E2E_REGISTRY"), scheme: "http", client: &http.Client{Timeout: 10 * time.Second}}
}

// tokenRegistry speaks TLS of a private CA and bearer tokens, as Docker Hub and OCIR do.
func tokenRegistry(t *testing.T) registry {
	t.Helper()
	return privateRegistry(t, "E2E_REGISTRY_TOKEN")
}

func basicRegistry(t *testing.T) registry {
	t.Helper()
	return privateRegistry(t, "E2E_REGISTRY_BASIC")
}

func privateRegistry(t *testing.T, variable string) registry {
	t.Helper()
	pem, err := os.ReadFile(need(t, "E2E_REGISTRY_CA"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return registry{
		t: t, host: need(t, variable), scheme: "https",
		user: need(t, "E2E_REGISTRY_USER"), password: need(t, "E2E_REGISTRY_PASSWORD"),
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		},
	}
}

// name is a repository of this test's own.
func (r registry) name(u *user) string { return r.host + "/" + u.namespace + "/app" }

// digest is what the registry holds under HOST/NAME:TAG; "" when it holds nothing.
func (r registry) digest(reference string) string {
	r.t.Helper()
	path, tag, _ := strings.Cut(strings.TrimPrefix(reference, r.host+"/"), ":")
	url := fmt.Sprintf("%s://%s/v2/%s/manifests/%s", r.scheme, r.host, path, tag)
	resp := r.head(url, "Basic "+base64.StdEncoding.EncodeToString([]byte(r.user+":"+r.password)))
	if challenge := resp.Header.Get("WWW-Authenticate"); resp.StatusCode == http.StatusUnauthorized && strings.HasPrefix(challenge, "Bearer") {
		resp = r.head(url, "Bearer "+r.token(challenge))
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Header.Get("Docker-Content-Digest")
	case http.StatusNotFound:
		return ""
	}
	r.t.Fatalf("HEAD %s: %s", url, resp.Status)
	return ""
}

func (r registry) head(url, authorization string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodHead, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.user != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "+
		"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json")
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	return resp
}

// token follows a `Bearer realm="…",service="…",scope="…"` challenge.
func (r registry) token(challenge string) string {
	r.t.Helper()
	fields := map[string]string{}
	for _, pair := range strings.Split(strings.TrimPrefix(challenge, "Bearer "), `",`) {
		key, value, _ := strings.Cut(pair, "=")
		fields[key] = strings.Trim(value, `"`)
	}
	req, err := http.NewRequest(http.MethodGet, fields["realm"], nil)
	if err != nil {
		r.t.Fatal(err)
	}
	query := req.URL.Query()
	query.Set("service", fields["service"])
	query.Set("scope", fields["scope"])
	req.URL.RawQuery = query.Encode()
	req.SetBasicAuth(r.user, r.password)
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		r.t.Fatalf("no token from %s: %s %v", fields["realm"], resp.Status, err)
	}
	return answer.Token
}

// dockerConfig writes the user's ~/.docker/config.json.
func (u *user) dockerConfig(config map[string]any) {
	u.t.Helper()
	raw, err := json.Marshal(config)
	if err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(u.mkdir(".docker"), "config.json"), raw, 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// auths is the plain form of credentials in a docker config.
func auths(host, name, password string) map[string]any {
	auth := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
	return map[string]any{"auths": map[string]any{host: map[string]any{"auth": auth}}}
}
