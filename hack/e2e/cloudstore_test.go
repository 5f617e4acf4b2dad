package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// cloud keeps objects, and speaks as much of three services as BuildKit's caches need: S3, Azure's blobs, and the cache
// of GitHub Actions. Who does not prove to be the user is refused.
type cloud struct {
	host string // HOST:PORT
	user string // what an Authorization header must have

	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string][]byte // blocks and uploads that are not whole yet
	refused []string
}

func newCloud(t *testing.T, user string, serve func(*cloud, http.ResponseWriter, *http.Request)) *cloud {
	t.Helper()
	c := &cloud{user: user, objects: map[string][]byte{}, parts: map[string][]byte{}}
	c.host = serveBesideRegistry(t, func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.user != "" && !strings.Contains(r.Header.Get("Authorization"), c.user) {
			c.refused = append(c.refused, r.Method+" "+r.URL.String())
			w.WriteHeader(http.StatusForbidden)
			return
		}
		serve(c, w, r)
	})
	return c
}

// holds says what is under names with that part.
func (c *cloud) holds(part string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name := range c.objects {
		if strings.Contains(name, part) {
			names = append(names, name)
		}
	}
	return names
}

// object gives out an object, or the error that a service has for none.
func (c *cloud) object(w http.ResponseWriter, r *http.Request, missing func()) {
	text, found := c.objects[r.URL.Path]
	if !found {
		missing()
		return
	}
	w.Header().Set("ETag", `"1"`)
	http.ServeContent(w, r, "", time.Now().Add(-time.Minute), bytes.NewReader(text))
}

// s3 is Amazon's, with the bucket in the path.
func s3(c *cloud, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		c.object(w, r, func() {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
		})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	c.objects[r.URL.Path] = body
	w.Header().Set("ETag", `"1"`)
}

// azure is Microsoft's, with the container in the path.
func azure(c *cloud, w http.ResponseWriter, r *http.Request) {
	missing := func(code string) func() {
		return func() {
			w.Header().Set("x-ms-error-code", code)
			w.WriteHeader(http.StatusNotFound)
		}
	}
	w.Header().Set("x-ms-version", "2021-12-02")
	query := r.URL.Query()
	switch {
	case query.Get("restype") == "container" && r.Method == http.MethodPut:
		c.objects[r.URL.Path] = nil
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		if part := r.Header.Get("x-ms-range"); part != "" {
			r.Header.Set("Range", part)
		}
		if query.Get("restype") == "container" {
			c.object(w, r, missing("ContainerNotFound"))
			return
		}
		w.Header().Set("x-ms-blob-type", "BlockBlob")
		c.object(w, r, missing("BlobNotFound"))
	case query.Get("comp") == "block":
		c.parts[r.URL.Path+query.Get("blockid")], _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
	case query.Get("comp") == "blocklist":
		list, _ := io.ReadAll(r.Body)
		var whole []byte
		for _, piece := range strings.Split(string(list), "</")[:] {
			if _, id, found := strings.Cut(piece, "<Latest>"); found {
				whole = append(whole, c.parts[r.URL.Path+id]...)
			}
		}
		c.objects[r.URL.Path] = whole
		w.WriteHeader(http.StatusCreated)
	default:
		c.objects[r.URL.Path], _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
	}
}

// actionsAPI begins the paths of that service.
const actionsAPI = "/_apis/artifactcache/"

// actions is GitHub's first version: a key is reserved, filled in pieces, and committed.
func actions(c *cloud, w http.ResponseWriter, r *http.Request) {
	name, known := strings.CutPrefix(r.URL.Path, actionsAPI)
	id, _ := strings.CutPrefix(name, "caches/")
	var asked struct{ Key string }
	switch {
	case !known:
		c.object(w, r, func() { w.WriteHeader(http.StatusNotFound) })
	case name == "cache":
		wanted, _, _ := strings.Cut(r.URL.Query().Get("keys"), ",")
		for key := range c.objects {
			if strings.HasPrefix(key, "/"+wanted) {
				_ = json.NewEncoder(w).Encode(map[string]string{"cacheKey": key[1:], "scope": "refs/heads/main", "archiveLocation": "http://" + c.host + strings.ReplaceAll(key, "#", "%23")})
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	case name == "caches" && json.NewDecoder(r.Body).Decode(&asked) == nil:
		number := len(c.parts)/2 + 1
		c.parts[strconv.Itoa(number)], c.parts["key "+strconv.Itoa(number)] = nil, []byte(asked.Key)
		_ = json.NewEncoder(w).Encode(map[string]int{"cacheID": number})
	case r.Method == http.MethodPatch:
		piece, _ := io.ReadAll(r.Body)
		var begin int
		_, _ = fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-", &begin)
		c.parts[id] = append(c.parts[id][:min(begin, len(c.parts[id]))], piece...)
		w.WriteHeader(http.StatusNoContent)
	default:
		c.objects["/"+string(c.parts["key "+id])] = c.parts[id]
		w.WriteHeader(http.StatusNoContent)
	}
}

// actionsToken is one of a job of GitHub Actions: it says of itself what it is good for.
func actionsToken() string {
	part := func(value any) string {
		text, _ := json.Marshal(value)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." + part(map[string]any{
		"nbf": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(time.Hour).Unix(), "ac": `[{"Scope":"refs/heads/main","Permission":3}]`,
	}) + "." + base64.RawURLEncoding.EncodeToString([]byte("signed"))
}
