package request

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestImages(t *testing.T) {
	env := workspace(t, nil)
	text := "# syntax=s.io/dockerfile:1\nARG BASE=x\nFROM --platform=linux/amd64 a.io/base:1 AS b\nFROM ${BASE}\nfrom b.io:5000/c@sha256:" +
		"0000000000000000000000000000000000000000000000000000000000000000\nCOPY --from=c.io/d /x /y\nRUN --mount=type=bind,from=d.io/e,target=/x true\nRUN echo FROM no.io/x\n"
	if err := os.WriteFile(filepath.Join(env.WorkingDir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := New(t.Context(), with(func(o *Options) {
		o.Path, o.CacheFrom, o.BuildContexts = ".", []string{"e.io/cache:1"}, []string{"base=docker-image://f.io/g:1"}
	}), env)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Images()
	for _, want := range []string{"s.io/dockerfile:1", "a.io/base:1", "c.io/d", "d.io/e", "e.io/cache:1", "f.io/g:1"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if slices.Contains(got, "no.io/x") || slices.Contains(got, "${BASE}") {
		t.Errorf("got %q", got)
	}
}
