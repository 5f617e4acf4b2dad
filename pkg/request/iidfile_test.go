package request

import (
	"strings"
	"testing"
)

// Without an image the file stays empty: a script would go on with an empty one.
func TestImageIDWithoutImage(t *testing.T) {
	for outputs, warned := range map[string]bool{"": true, "type=cacheonly": true, "type=oci,dest=image": false, "type=image": false} {
		r, err := New(t.Context(), with(func(o *Options) { o.Outputs, o.ImageIDFile = []string{outputs}, "id" }), workspace(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(r.Leftovers(), "\n"), "--iidfile"); got != warned {
			t.Errorf("%q: warned %v: %q", outputs, got, r.Leftovers())
		}
	}
}
