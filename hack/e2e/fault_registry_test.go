//go:build faults

package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
)

// registryFaults break the place an image goes to.
func registryFaults() []fault {
	return []fault{
		{"registry dies in the middle of a push", busy, func(s *scene) string {
			front := newHoldingFront(s.t)
			s.plain("--insecure-registry", front.host)
			tag := front.name(s.user) + ":1"
			r := s.build("-t", tag, "--push", dockerfile(s.t, "FROM BASE", "RUN head -c 20000000 /dev/urandom >/noise"))
			front.uploads(r)
			front.die()
			s.end(r, 3)
			s.explains(r, front.host)
			behind := openRegistry(s.t)
			if digest := behind.digest(behind.name(s.user) + ":1"); digest != "" {
				s.t.Errorf("a push that failed left the tag %s", digest)
			}
			return "explained (exit 3), no partial tag"
		}},
	}
}

// whole demands that the registry has everything an image refers to.
func (r registry) whole(tag, digest string) {
	r.t.Helper()
	path, _, _ := strings.Cut(strings.TrimPrefix(tag, r.host+"/"), ":")
	base := r.scheme + "://" + r.host + "/v2/" + path
	response, err := r.get(base + "/manifests/" + digest)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	type descriptor struct{ Digest string }
	var manifest struct {
		Manifests, Layers []descriptor
		Config            *descriptor
	}
	if err := json.NewDecoder(response.Body).Decode(&manifest); err != nil || response.StatusCode != http.StatusOK {
		r.t.Fatalf("the manifest %s: %s %v", digest, response.Status, err)
	}
	for _, child := range manifest.Manifests {
		r.whole(tag, child.Digest)
	}
	blobs := manifest.Layers
	if manifest.Config != nil {
		blobs = append(blobs, *manifest.Config)
	}
	for _, blob := range blobs {
		if got := r.head(base+"/blobs/"+blob.Digest, ""); got.StatusCode != http.StatusOK {
			r.t.Errorf("the registry lacks blob %s of %s: %s", blob.Digest, tag, got.Status)
		}
	}
}

func (r registry) get(url string) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "+
		"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json")
	return r.client.Do(request)
}
