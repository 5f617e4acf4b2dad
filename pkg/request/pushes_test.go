package request

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/client"
)

func TestPushes(t *testing.T) {
	r := &Request{
		outputs: []output{
			{kind: typeImage, attrs: map[string]string{"push": "true", "name": "r.io/b:1,r.io/a:1"}},
			{kind: typeImage, attrs: map[string]string{"name": "stays:1"}},
			{kind: typeOCI, attrs: map[string]string{"name": "file:1"}, dest: "x"},
		},
		cacheExports: []client.CacheOptionsEntry{
			{Type: cacheRegistry, Attrs: map[string]string{"ref": "r.io/a:1"}},
			{Type: cacheRegistry, Attrs: map[string]string{"ref": "r.io/cache"}},
			{Type: cacheRegistry, Attrs: map[string]string{"ref": "r.io/may-fail", "ignore-error": "true"}},
			{Type: cacheLocal, Attrs: map[string]string{"dest": "x"}},
		},
	}
	if got, want := r.Pushes(), []string{"r.io/a:1", "r.io/b:1", "r.io/cache"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (&Request{}).Pushes(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
