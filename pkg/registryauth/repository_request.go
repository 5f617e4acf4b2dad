package registryauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	authutil "github.com/containerd/containerd/v2/core/remotes/docker/auth"
	digest "github.com/opencontainers/go-digest"
)

// maxManifest is the maximum size of a manifest, in bytes: registries accept no larger ones.
const maxManifest = 4 << 20

// maxRetryAfter is the longest wait that a registry may ask for.
const maxRetryAfter = 10 * time.Minute

// manifestTypes returns the media types of manifests, as BuildKit and containerd accept them.
func manifestTypes() string {
	return strings.Join([]string{
		"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
		"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json", "*/*",
	}, ", ")
}

// manifestReply is a registry's response to a request for a manifest.
type manifestReply struct {
	reply
	media  string
	text   []byte // of a success
	digest string // that the registry names; may be empty
	after  time.Duration
}

// send sends one request. For an insecure registry without TLS it uses plain HTTP.
func (r *Repository) send(ctx context.Context, method, tagOrDigest string, as authorization, m *Manifest) (*manifestReply, error) {
	r.mu.Lock()
	scheme := r.scheme
	r.mu.Unlock()
	got, err := r.sendOnce(ctx, scheme, method, tagOrDigest, as, m)
	if speaksPlain(err) && r.insecure {
		r.mu.Lock()
		r.scheme = "http"
		r.mu.Unlock()
		got, err = r.sendOnce(ctx, "http", method, tagOrDigest, as, m)
	}
	if err == nil {
		return got, nil
	}
	if context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	to := newRegistry(r.client, r.at.host, r.insecure)
	to.scheme = scheme
	return nil, unreachable(to, err)
}

func (r *Repository) sendOnce(ctx context.Context, scheme, method, tagOrDigest string, as authorization, m *Manifest) (*manifestReply, error) {
	var body io.Reader
	if m != nil {
		body = bytes.NewReader(m.Text)
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://"+r.at.host+"/v2/"+r.at.path+"/manifests/"+tagOrDigest, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", clientID)
	switch method {
	case http.MethodPut:
		req.Header.Set("Content-Type", m.MediaType)
	case http.MethodGet:
		req.Header.Set("Accept", manifestTypes())
	}
	if as.header != "" {
		req.Header.Set("Authorization", as.header)
	}
	response, err := r.client.Do(req)
	if err != nil {
		return nil, withoutQuery(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusProxyAuthRequired {
		return nil, errors.New(statusText(response.StatusCode))
	}
	got := &manifestReply{digest: response.Header.Get("Docker-Content-Digest"), after: retryAfter(response.Header.Get("Retry-After"), time.Now())}
	got.media, _, _ = mime.ParseMediaType(response.Header.Get("Content-Type"))
	got.reply = reply{code: response.StatusCode, challenges: authutil.ParseAuthHeader(response.Header), page: got.media == "text/html", sent: as.header}
	switch {
	case got.code >= http.StatusBadRequest:
		got.body, _ = io.ReadAll(io.LimitReader(response.Body, maxReply)) // a truncated message is better than none
	case method == http.MethodGet:
		got.text, err = io.ReadAll(response.Body) // which is limited
	}
	return got, err
}

// failure returns an error unless the registry reports success.
func (a *manifestReply) failure(sent Credentials) error {
	switch {
	case a.page && a.code != http.StatusCreated:
		return errors.New("the response is a web page: " + statusText(a.code))
	case a.code < http.StatusOK || a.code >= http.StatusMultipleChoices:
		return errors.New(a.message(sent))
	}
	return nil
}

// verify returns an error if the registry names another digest than that of the text, or if that is
// not the requested one.
func (a *manifestReply) verify(tagOrDigest string, text []byte) error {
	for _, name := range []string{tagOrDigest, a.digest} {
		if !strings.Contains(name, ":") {
			continue // a tag, or nothing
		}
		named, err := digest.Parse(name)
		if err != nil || !named.Algorithm().Available() {
			return errors.New("the response has an invalid digest")
		}
		if found := named.Algorithm().FromBytes(text); found != named {
			return fmt.Errorf("the registry has %s in place of %s", named, digest.FromBytes(text))
		}
	}
	return nil
}

// isObject reports whether the text is JSON as a manifest is.
func isObject(text []byte) bool {
	return json.Valid(text) && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
}

// retryAfter parses a Retry-After header: seconds, or a time. It returns 0 for any other text.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
