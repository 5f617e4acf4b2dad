package registryauth

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

const manifestText = `{"schemaVersion":2}`

// repositoryOn returns the repository a/b of the fake, for the user "u" with this password; without
// credentials if that is empty.
func repositoryOn(t *testing.T, f *fake, password string, insecure ...string) *Repository {
	t.Helper()
	config := "{}"
	if password != "" {
		config = `{"auths":{"` + f.host() + `":{"auth":"` + encoded("u", password) + `"}}}`
	}
	p := mustProvider(t, config)
	if err := p.Trust(f.ca, insecure...); err != nil {
		t.Fatal(err)
	}
	r, err := p.Repository(f.host() + "/a/b:ignored")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestManifestsAreWrittenWithCredentials has registries with both kinds of authentication, with and
// without TLS.
func TestManifestsAreWrittenWithCredentials(t *testing.T) {
	at := digest.FromString(manifestText).String()
	for name, test := range map[string]struct {
		scheme, password string
		plain, insecure  bool
		denied           bool
	}{
		"open": {}, "basic": {scheme: "Basic", password: secret}, "bearer": {scheme: "Bearer", password: secret},
		"insecure, without TLS":    {scheme: "Bearer", password: secret, plain: true, insecure: true},
		"without TLS":              {scheme: "Basic", password: secret, plain: true, denied: true},
		"wrong password":           {scheme: "Basic", password: "wrong-Password", denied: true},
		"wrong password for token": {scheme: "Bearer", password: "wrong-Password", denied: true},
		"no password":              {scheme: "Basic", denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			f := newFake(t, test.scheme, test.plain, func(w http.ResponseWriter, r *http.Request) {
				text, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(text)
				w.WriteHeader(http.StatusCreated)
			})
			var insecure []string
			if test.insecure {
				insecure = []string{f.host()}
			}
			err := repositoryOn(t, f, test.password, insecure...).Put(t.Context(), at, Manifest{MediaType: "application/x", Text: []byte(manifestText)})
			if want := "PUT /v2/a/b/manifests/" + at + " application/x " + manifestText; !test.denied && (err != nil || got != want) {
				t.Errorf("got %q, %v", got, err)
			}
			if test.denied && (err == nil || got != "" || strings.Contains(err.Error(), "wrong-Password")) {
				t.Errorf("got %q, %v", got, err)
			}
			var denied *DeniedError
			if test.denied && !test.plain && !errors.As(err, &denied) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestManifestsOfLyingRegistries has responses that must not be taken for what was requested.
func TestManifestsOfLyingRegistries(t *testing.T) {
	other := digest.FromString("other").String()
	for name, test := range map[string]struct {
		headers map[string]string
		code    int
		body    string
		class   fault.Class
	}{
		"another digest":   {map[string]string{"Docker-Content-Digest": other}, 201, "", fault.Failed},
		"no digest":        {map[string]string{"Docker-Content-Digest": "sha256:x"}, 201, "", fault.Failed},
		"a page":           {map[string]string{"Content-Type": "text/html"}, 200, "<html>", fault.Failed},
		"a redirect":       {map[string]string{"Location": "https://127.0.0.1:1/"}, 307, "", fault.Failed},
		"the password":     {nil, 400, `{"errors":[{"message":"` + secret + `"}]}`, fault.Failed},
		"a control code":   {nil, 400, `{"errors":[{"message":"\u001b[2J"}]}`, fault.Failed},
		"forbidden":        {nil, 403, `{"errors":[{"code":"DENIED"}]}`, fault.Denied},
		"busy":             {map[string]string{"Retry-After": "7"}, 429, "", fault.Failed},
		"not a registry":   {nil, 302, "", fault.Failed},
		"an endless error": {nil, 500, strings.Repeat("x", 10*maxReply), fault.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "Basic", false, func(w http.ResponseWriter, _ *http.Request) {
				for key, value := range test.headers {
					w.Header().Set(key, value)
				}
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.body))
			})
			err := repositoryOn(t, f, secret).Put(t.Context(), "1", Manifest{MediaType: "application/x", Text: []byte(manifestText)})
			if err == nil || fault.Of(err) != test.class || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 600 {
				t.Errorf("got %v (%s)", err, fault.Of(err))
			}
			wait, transient := Transient(err)
			if busy := test.code == 429 || test.code == 500; transient != busy {
				t.Errorf("it is transient: %v", transient)
			}
			if test.code == 429 && wait != 7*time.Second {
				t.Errorf("the wait is %s", wait)
			}
		})
	}
}

// FuzzManifestReply proves that no header or text of a registry makes other bytes pass for those of
// a digest, or a wait endless.
func FuzzManifestReply(f *testing.F) {
	good := digest.FromString(manifestText).String()
	f.Add(good, manifestText, "120")
	f.Add("sha256:", "{", "Fri, 27 Nov 2026 00:00:00 GMT")
	f.Add("sha512:"+strings.Repeat("0", 128), "[]", "-1")
	f.Add("1.2", `{"a":1}`, "99999999999999999999")
	f.Fuzz(func(t *testing.T, named, text, after string) {
		if wait := retryAfter(after, time.Unix(0, 0)); wait < 0 || wait > maxRetryAfter {
			t.Errorf("a wait of %s for %q", wait, after)
		}
		reply := &manifestReply{digest: named, text: []byte(text)}
		if reply.verify("sha256:"+strings.Repeat("0", 64), reply.text) == nil {
			t.Error("a digest that nothing has")
		}
		if reply.verify("tag", reply.text) == nil && strings.Contains(named, ":") && digest.Digest(named).Algorithm().FromBytes(reply.text).String() != named {
			t.Errorf("%q has the digest %q", text, named)
		}
		if isObject(reply.text) && !strings.Contains(text, "{") {
			t.Errorf("%q is not an object", text)
		}
	})
}
