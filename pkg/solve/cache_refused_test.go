package solve

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

func TestCacheRefusal(t *testing.T) {
	const start = `failed to solve: error writing manifest blob: failed commit on ref "sha256:12": unexpected status from PUT request to `
	for text, want := range map[string]CacheRefusedError{
		start + "https://iad.ocir.io/v2/t/app/manifests/cache: 400 Bad Request": {Registry: "iad.ocir.io", Reference: "iad.ocir.io/t/app:cache", Status: "400 Bad Request"},
		start + "http://harbor:5000/v2/app/manifests/c: 404 Not Found":          {Registry: "harbor:5000", Reference: "harbor:5000/app:c", Status: "404 Not Found"},
		start + "https://r.io/v2/app/manifests/sha256:12: 400 Bad Request":      {Registry: "r.io", Status: "400 Bad Request"},
		start + "https://r.io/v2/app/manifests/cache: 403 Forbidden":            {},
		start + "https://r.io/v2/app/manifests/cache: 401 Unauthorized":         {},
		start: {},
		"failed to solve: failed to push r.io/app:1: unexpected status from PUT request to https://r.io/v2/app/manifests/1: 400 Bad Request": {},
		"error writing config blob: no space left on device": {},
	} {
		got := cacheRefusalOf(errors.New(text))
		if got == nil {
			got = &CacheRefusedError{}
		}
		got.Cause = nil
		if *got != want {
			t.Errorf("%q: got %+v", text, *got)
		}
	}
}

func TestWithoutTheRefusedCache(t *testing.T) {
	cache := func(kind, ref string) client.CacheOptionsEntry {
		return client.CacheOptionsEntry{Type: kind, Attrs: map[string]string{"ref": ref, "image-manifest": "false"}}
	}
	a := &request.Attempt{Options: client.SolveOpt{
		FrontendAttrs: map[string]string{"no-cache": "", "target": "x"},
		CacheExports:  []client.CacheOptionsEntry{cache("registry", "r.io/a:c"), cache("registry", "x.io/a:c"), cache("local", "")},
	}}
	refused := &CacheRefusedError{Registry: "r.io", Status: "400 Bad Request"}
	refused.addDetails(a.Options)
	if !refused.Index || refused.Reference != "r.io/a:c" {
		t.Errorf("got %+v", refused)
	}
	refused.removeFrom(a)
	if len(a.Options.CacheExports) != 2 || len(a.Options.FrontendAttrs) != 1 {
		t.Errorf("got %+v", a.Options)
	}
	if !strings.Contains(refused.Error(), "incomplete") {
		t.Errorf("got %q", refused)
	}
}
