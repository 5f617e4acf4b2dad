package imagetags

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

func only(request string, failing failure) func(string, int) failure {
	return func(asked string, _ int) failure {
		if asked == request {
			return failing
		}
		return nil
	}
}

func TestPublish(t *testing.T) {
	f := newFake(t)
	f.set("a:1", `{"former":1}`)
	names := f.references([]string{"a:1", "a:2", "a", "b/c:1", "a:1"})
	if _, err := Publish(t.Context(), f.provider, names, newIndex(), quick()); err != nil {
		t.Fatal(err)
	}
	if got, want := f.state(), (map[string]string{"a:1": newText, "a:2": newText, "a:latest": newText, "b/c:1": newText}); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	asked := f.asked()
	if lastDigest, firstTag := slices.IndexFunc(reversed(asked), hasPrefix("PUT a digest")), slices.IndexFunc(asked, hasPrefix("PUT a 1")); len(asked)-1-lastDigest > firstTag {
		t.Errorf("a tag was moved before its index was there: %q", asked)
	}
	if _, err := Publish(t.Context(), f.provider, names, newIndex(), quick()); err != nil {
		t.Fatal(err)
	}
	if again := f.asked()[len(asked):]; slices.ContainsFunc(again, hasPrefix("PUT a 1")) {
		t.Errorf("a tag was moved to where it is: %q", again)
	}
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func hasPrefix(prefix string) func(string) bool {
	return func(text string) bool { return strings.HasPrefix(text, prefix) }
}

func TestPublishByDigest(t *testing.T) {
	f := newFake(t)
	o := quick()
	o.ByDigest = true
	if _, err := Publish(t.Context(), f.provider, f.references([]string{"a", "b"}), newIndex(), o); err != nil {
		t.Fatal(err)
	}
	if len(f.state()) > 0 || len(f.manifests) != 2 {
		t.Errorf("got %v, %v", f.state(), f.manifests)
	}
}

// TestRefusedTags has a registry that forbids to move one of the tags.
func TestRefusedTags(t *testing.T) {
	for name, test := range map[string]struct {
		refusal failure
		class   fault.Class
		want    string
	}{
		"400":      {replies(400, `{"errors":[{"code":"TAG_INVALID","message":"The image tag '1' already exists"}]}`), fault.Failed, "already exists"},
		"409":      {replies(409, `{"errors":[{"message":"immutable"}]}`), fault.Failed, "409 Conflict: immutable"},
		"403":      {replies(403, `{"errors":[{"code":"DENIED","message":"tag is immutable"}]}`), fault.Denied, "tag is immutable"},
		"401":      {replies(401, `{"errors":[{"code":"UNAUTHORIZED"}]}`), fault.Denied, "denies access"},
		"429":      {replies(429, "", "Retry-After", "86400"), fault.Failed, "429 Too Many Requests"},
		"a page":   {replies(200, "<html>", "Content-Type", "text/html"), fault.Failed, "web page"},
		"not kept": {replies(201, ""), fault.Failed, "the registry confirmed the write, and does not have it"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			before := map[string]string{"a:1": `{"former":1}`, "b:1": `{"former":2}`}
			f.reset(before, true, only("PUT a 1", test.refusal))
			_, err := Publish(t.Context(), f.provider, f.references([]string{"a:1", "a:new", "b:1"}), newIndex(), quick())
			var failed *Error
			if !errors.As(err, &failed) || failed.Class() != test.class || !strings.Contains(err.Error(), test.want) || len(failed.Changed()) > 0 {
				t.Errorf("got %v (%s)", err, fault.Of(err))
			}
			if got := f.state(); !maps.Equal(got, before) {
				t.Errorf("the tags are %v", got)
			}
		})
	}
}

// TestTagsThatStay has a registry that does not delete tags: the new one stays, and is named.
func TestTagsThatStay(t *testing.T) {
	f := newFake(t)
	f.reset(map[string]string{"a:1": `{"former":1}`}, false, only("PUT a 1", replies(409, "")))
	_, err := Publish(t.Context(), f.provider, f.references([]string{"a:1", "a:new"}), newIndex(), quick())
	var failed *Error
	if !errors.As(err, &failed) || len(failed.Changed()) != 1 || failed.Changed()[0].State != Moved || !strings.Contains(err.Error(), `/a:new" is new (deleting`) {
		t.Errorf("got %v", err)
	}
	if slices.ContainsFunc(f.asked(), hasPrefix("DELETE a digest")) {
		t.Error("a manifest was deleted, with all its tags")
	}
}

// TestRenewedTokens has the token expire before each kind of request.
func TestRenewedTokens(t *testing.T) {
	f := newFake(t)
	f.fail = func(request string, n int) failure {
		if request == "token" || request == "PUT a digest" || n > 1 { // a new token that is refused is a denial
			return nil
		}
		return func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
			f.mu.Lock()
			f.tokens++
			f.mu.Unlock()
			f.challenge(w)
		}
	}
	if _, err := Publish(t.Context(), f.provider, f.references([]string{"a:1"}), newIndex(), quick()); err != nil || f.state()["a:1"] != newText {
		t.Errorf("got %v, %v", f.state(), err)
	}
	if f.tokens < 4 {
		t.Errorf("only %d tokens were issued", f.tokens)
	}
}

// TestOtherClients has another client move a tag after this one has moved it.
func TestOtherClients(t *testing.T) {
	const theirs = `{"theirs":1}`
	after := func(f *fake, name string) failure {
		return func(w http.ResponseWriter, _ *http.Request, serve func(http.ResponseWriter)) {
			serve(w)
			f.set(name, theirs)
		}
	}
	f := newFake(t)
	f.reset(map[string]string{"a:1": `{"former":1}`}, true, only("PUT a 1", after(f, "a:1")))
	outcome, err := Publish(t.Context(), f.provider, f.references([]string{"a:1", "a:2"}), newIndex(), quick())
	if err != nil || len(outcome.Overtaken) != 1 || !strings.HasSuffix(outcome.Overtaken[0], "/a:1") {
		t.Errorf("got %v, %v", outcome, err)
	}
	f.reset(map[string]string{"a:1": `{"former":1}`}, true, func(request string, n int) failure {
		switch {
		case request == "PUT a 1" && n == 1:
			return after(f, "a:1")
		case request == "PUT a 2":
			return replies(409, "")
		}
		return nil
	})
	_, err = Publish(t.Context(), f.provider, f.references([]string{"a:1", "a:2"}), newIndex(), quick())
	var failed *Error
	if !errors.As(err, &failed) || len(failed.Changed()) != 1 || failed.Changed()[0].State != Foreign {
		t.Errorf("got %v", err)
	}
	if got := f.state()["a:1"]; got != theirs {
		t.Errorf("their tag was replaced with %s", got)
	}
}

// TestInterrupts ends the context at each request: all tags are new, or all are as before.
func TestInterrupts(t *testing.T) {
	before := map[string]string{"a:1": `{"former":1}`, "b:1": `{"former":2}`}
	for _, at := range []string{"PUT a digest", "GET a digest", "GET a 1", "PUT a 1", "PUT b 1", "GET b 1"} {
		for _, refused := range []bool{false, true} {
			f := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			f.reset(before, true, func(request string, _ int) failure {
				switch {
				case refused && request == "PUT b 1":
					cancel()
					return replies(409, "")
				case request == at:
					cancel()
				}
				return nil
			})
			_, err := Publish(ctx, f.provider, f.references([]string{"a:1", "b:1"}), newIndex(), quick())
			got := f.state()
			isNew := got["a:1"] == newText && got["b:1"] == newText
			if (err == nil) != isNew || err != nil && !maps.Equal(got, before) {
				t.Errorf("interrupted at %s, refused: %v: %v, %v", at, refused, got, err)
			}
			if strings.HasPrefix(at, "PUT a 1") && !refused && err != nil {
				t.Errorf("what had begun was not finished: %v", err)
			}
			cancel()
		}
	}
}

// TestInterruptIsBounded has a registry that does not respond any more once a tag is moved.
func TestInterruptIsBounded(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	released := make(chan struct{})
	silent := func(http.ResponseWriter, *http.Request, func(http.ResponseWriter)) { <-released }
	defer sync.OnceFunc(func() { close(released) })()
	f.reset(nil, true, func(request string, _ int) failure {
		if strings.HasPrefix(request, "PUT b 1") {
			cancel()
			return silent
		}
		return nil
	})
	o := quick()
	o.request, o.interrupt = time.Hour, 50*time.Millisecond
	_, err := Publish(ctx, f.provider, f.references([]string{"a:1", "b:1"}), newIndex(), o)
	var failed *Error
	if !errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
	if got := f.state(); got["b:1"] != "" || (got["a:1"] == newText) != (len(failed.Changed()) > 0) {
		t.Errorf("the tags are %v, and it is said: %v", got, err)
	}
}

func TestFetch(t *testing.T) {
	f := newFake(t)
	f.set("a:1", newText)
	at := digest.FromString(newText).String()
	if got, err := Fetch(t.Context(), f.provider, f.host()+"/a:ignored", at); err != nil || string(got) != newText {
		t.Errorf("got %s, %v", got, err)
	}
	var missing *MissingError
	if _, err := Fetch(t.Context(), f.provider, f.host()+"/a", digest.FromString("x").String()); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
	f.manifests["a@"+at] = registryauth.Manifest{MediaType: "x", Text: []byte(`{"other":1}`)}
	if got, err := Fetch(t.Context(), f.provider, f.host()+"/a", at); err == nil {
		t.Errorf("got %s", got)
	}
	large := `{"x":"` + strings.Repeat("x", imageindex.MaxManifest) + `"}`
	f.set("a:large", large)
	if _, err := Fetch(t.Context(), f.provider, f.host()+"/a", digest.FromString(large).String()); err == nil {
		t.Error("a manifest that is too large")
	}
}

// TestNotStored has a registry that confirms an index and does not keep it: no tag is moved.
func TestNotStored(t *testing.T) {
	f := newFake(t)
	before := map[string]string{"a:1": `{"former":1}`}
	f.reset(before, true, only("PUT b digest", replies(201, "")))
	_, err := Publish(t.Context(), f.provider, f.references([]string{"a:1", "b:1"}), newIndex(), quick())
	var missing *MissingError
	if !errors.As(err, &missing) || !maps.Equal(f.state(), before) || slices.ContainsFunc(f.asked(), hasPrefix("PUT a 1")) {
		t.Errorf("got %v, %v", err, f.state())
	}
}
