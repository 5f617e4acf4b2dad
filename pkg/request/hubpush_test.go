package request

import "testing"

// A name without a registry is Docker Hub's, where only Docker may push official images.
func TestPushWithoutARegistry(t *testing.T) {
	env := workspace(t, nil)
	for _, name := range []string{"x", "x:1", "docker.io/x:1"} {
		wantUsage(t, with(func(o *Options) { o.Tags, o.Push = []string{name}, true }), env, "--tag", "docker.io/library/x")
		wantUsage(t, with(func(o *Options) { o.Outputs = []string{"type=image,push=true,name=" + name} }), env, "--output", "docker.io/library/x")
	}
	for _, name := range []string{"user/x", "localhost/x", "r.io/x", "docker.io/library/x", "library/x", "r.io/library/x"} {
		if _, err := New(t.Context(), with(func(o *Options) { o.Tags, o.Push = []string{name}, true }), env); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(t.Context(), with(func(o *Options) { o.Tags = []string{"x"} }), env); err != nil {
		t.Errorf("nothing is pushed: %v", err)
	}
}
