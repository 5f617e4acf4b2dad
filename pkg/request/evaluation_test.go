package request

import (
	"testing"
)

func TestCall(t *testing.T) {
	for value, want := range map[string]*Evaluation{
		"": nil, "build": nil, "check": {Name: "lint"}, "lint,format=json": {Name: "lint", JSON: true},
		"outline,ignorestatus=true": {Name: "outline", IgnoreStatus: true}, "format=text,targets": {Name: "targets"},
	} {
		r, err := New(t.Context(), with(func(o *Options) { o.Method = value }), workspace(t, nil))
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		got := r.Evaluation()
		if want != nil {
			want.Dockerfile = "Dockerfile"
		}
		if (got == nil) != (want == nil) || (got != nil && *got != *want) {
			t.Errorf("%s: got %+v", value, got)
		}
	}
	for value, part := range map[string]string{
		"a,b": "exactly one request", "format=json": "the request is missing", "check,format=xml": `unknown format "xml"`, "check,x=y": `unknown key "x"`, "check,ignorestatus=ja": "not a boolean",
	} {
		wantUsage(t, with(func(o *Options) { o.Method = value }), workspace(t, nil), "--call", part)
	}
	wantUsage(t, with(func(o *Options) { o.Method, o.Check = "outline", true }), workspace(t, nil), "--check", "contradicts it")
}

// TestQuestionMakesNothing proves that a build's own words can be asked about:
// nothing is written and docker is not needed.
func TestQuestionMakesNothing(t *testing.T) {
	r, err := New(t.Context(), with(func(o *Options) {
		o.Check, o.Push, o.Load, o.Tags = true, true, true, []string{"example.com/a"}
		o.CacheTo = []string{"example.com/cache"}
	}), workspace(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	attempt := r.Attempt()
	options := attempt.Options
	if len(options.Exports) != 0 || len(options.CacheExports) != 0 || !options.Internal || len(r.Warnings())+len(r.Leftovers()) != 0 {
		t.Errorf("the question makes something: %+v, %q", options, r.Warnings())
	}
	if attempt.Subrequest != "frontend.lint" || options.FrontendAttrs["requestid"] != "frontend.lint" || options.FrontendAttrs["frontend.caps"] != subrequestsCap {
		t.Errorf("it is not asked: %q, %v", attempt.Subrequest, options.FrontendAttrs)
	}
	if r.Ref() != options.Ref {
		t.Errorf("the reference is %q, not %q", r.Ref(), options.Ref)
	}
}

func FuzzCall(f *testing.F) {
	for _, seed := range []string{"check", "build", "a,b", "format=json,check", "ignorestatus=1", `"`, ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseCall(value)
		checkFuzzed(t, err)
		if err == nil && c != nil && c.name == "" {
			t.Fatalf("%q has no name", value)
		}
	})
}
