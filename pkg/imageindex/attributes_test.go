package imageindex_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
)

func TestPartAttributes(t *testing.T) {
	attrs := map[string]string{
		"name": "r.io/a:1,r.io/a:2,r.io/b:1", "push": "true", "oci-mediatypes": "true",
		"annotation-index.i": "1", "annotation-index-descriptor.d": "1", "annotation.all": "1", "annotation-manifest.every": "1",
		"annotation-manifest[linux/amd64].mine": "1", "annotation[linux/arm64/v8].other": "1", "annotation-manifest-descriptor[linux/arm64].md": "1",
	}
	before := maps.Clone(attrs)
	got, err := imageindex.PartAttributes(attrs, []string{"linux/arm64"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"name": "r.io/a,r.io/b", "push": "true", "push-by-digest": "true", "oci-mediatypes": "true",
		"annotation.all": "1", "annotation-manifest.every": "1", "annotation[linux/arm64/v8].other": "1", "annotation-manifest-descriptor[linux/arm64].md": "1",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if !maps.Equal(attrs, before) {
		t.Error("the attributes were changed")
	}
	index, descriptor, err := imageindex.Annotations(attrs)
	if err != nil || !maps.Equal(index, map[string]string{"i": "1"}) || !maps.Equal(descriptor, map[string]string{"d": "1"}) {
		t.Errorf("got %v, %v, %v", index, descriptor, err)
	}
	kept, err := imageindex.PartAttributes(map[string]string{"name": "a:1", "push": "false"}, nil)
	if err != nil || !maps.Equal(kept, map[string]string{"name": "a:1", "push": "false"}) {
		t.Errorf("got %v, %v", kept, err)
	}
	if _, err := imageindex.PartAttributes(map[string]string{"name": "A B", "push": ""}, nil); err == nil {
		t.Error("an invalid name")
	}
}

func TestNames(t *testing.T) {
	for name, test := range map[string]struct {
		attrs    map[string]string
		want     []string
		byDigest bool
	}{
		"tags":        {map[string]string{"name": "a:1,b", "push": "true"}, []string{"a:1", "b"}, false},
		"empty value": {map[string]string{"name": "a", "push": ""}, []string{"a"}, false},
		"by digest":   {map[string]string{"name": "a", "push": "1", "push-by-digest": "true"}, []string{"a"}, true},
		"no push":     {map[string]string{"name": "a"}, nil, false},
		"not pushed":  {map[string]string{"name": "a", "push": "false"}, nil, false},
	} {
		got, byDigest := imageindex.Names(test.attrs)
		if !slices.Equal(got, test.want) || byDigest != test.byDigest {
			t.Errorf("%s: got %q, %v", name, got, byDigest)
		}
	}
}
