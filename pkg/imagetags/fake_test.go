package imagetags

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// fake is a registry with tokens. It knows manifests only, and a manifest is any text.
type fake struct {
	*httptest.Server

	mu        sync.Mutex
	manifests map[string]registryauth.Manifest // by repository@digest
	tags      map[string]string                // repository:tag to digest
	requests  []string                         // METHOD repository reference
	count     map[string]int                   // of each request
	tokens    int                              // that were issued
	// fail returns what happens to the n-th request of its kind, from 1; nil is nothing.
	fail func(request string, n int) failure
	// deletes says whether tags can be deleted.
	deletes bool

	provider *registryauth.Provider // that trusts it
}

// failure handles a request in place of the registry; serve is what the registry would do.
type failure func(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter))

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{manifests: map[string]registryauth.Manifest{}, tags: map[string]string{}, count: map[string]int{}, deletes: true}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.handle))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Start()
	t.Cleanup(f.Close)
	f.provider = registryauth.Read(registryauth.Options{LookupEnv: func(string) (string, bool) { return "", false }}).Provider(registryauth.Build{})
	if err := f.provider.Trust(nil, f.host()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fake) host() string { return strings.TrimPrefix(f.URL, "http://") }

// set makes a tag point at a text.
func (f *fake) set(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.store(name, registryauth.Manifest{MediaType: "application/vnd.oci.image.manifest.v1+json", Text: []byte(text)})
}

// store stores a manifest under repository:tag or repository@digest. The caller holds the lock.
func (f *fake) store(name string, m registryauth.Manifest) {
	repository, tag := name, ""
	if at := strings.LastIndexAny(name, ":@"); at >= 0 && !strings.Contains(name, "@") {
		repository, tag = name[:at], name[at+1:]
	} else if before, _, has := strings.Cut(name, "@"); has {
		repository = before
	}
	d := digest.FromBytes(m.Text).String()
	f.manifests[repository+"@"+d] = m
	if tag != "" {
		f.tags[name] = d
	}
}

// state returns the texts that the tags point at.
func (f *fake) state() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string]string{}
	for name, d := range f.tags {
		repository := name[:strings.LastIndex(name, ":")]
		found[name] = string(f.manifests[repository+"@"+d].Text)
	}
	return found
}

func (f *fake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.requests...)
}

func (f *fake) handle(w http.ResponseWriter, r *http.Request) {
	request := "token"
	if r.URL.Path != "/token" {
		repository, reference, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
		request = r.Method + " " + repository + " " + reference
		if strings.Contains(reference, ":") {
			request = r.Method + " " + repository + " digest"
		}
	}
	f.mu.Lock()
	f.requests = append(f.requests, request)
	authorized := request == "token" || r.Header.Get("Authorization") == fmt.Sprintf("Bearer t%d", f.tokens) && f.tokens > 0
	var injected failure
	if authorized && f.fail != nil {
		f.count[request]++
		injected = f.fail(request, f.count[request])
	}
	f.mu.Unlock()
	switch {
	case !authorized:
		f.challenge(w)
	case injected != nil:
		injected(w, r, func(w http.ResponseWriter) { f.serve(w, r) })
	default:
		f.serve(w, r)
	}
}

func (f *fake) challenge(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="`+f.URL+`/token",service="fake"`)
	http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/token" {
		if f.tokens == 0 {
			f.tokens = 1
		}
		_, _ = fmt.Fprintf(w, `{"token":"t%d","access_token":"t%d"}`, f.tokens, f.tokens)
		return
	}
	repository, reference, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
	isDigest := strings.Contains(reference, ":")
	d := reference
	if !isDigest {
		d = f.tags[repository+":"+reference]
	}
	m, found := f.manifests[repository+"@"+d]
	switch r.Method {
	case http.MethodPut:
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has given up
		}
		name := repository + ":" + reference
		if isDigest {
			name = repository + "@" + reference
		}
		f.store(name, registryauth.Manifest{MediaType: r.Header.Get("Content-Type"), Text: text})
		w.Header().Set("Docker-Content-Digest", digest.FromBytes(text).String())
		w.WriteHeader(http.StatusCreated)
	case http.MethodGet:
		if !found {
			http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", m.MediaType)
		w.Header().Set("Docker-Content-Digest", d)
		_, _ = w.Write(m.Text)
	case http.MethodDelete:
		if !f.deletes || isDigest {
			http.Error(w, `{"errors":[{"code":"UNSUPPORTED"}]}`, http.StatusMethodNotAllowed)
			return
		}
		delete(f.tags, repository+":"+reference)
		w.WriteHeader(http.StatusAccepted)
	}
}
