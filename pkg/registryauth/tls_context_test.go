package registryauth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseTLSContext(t *testing.T) {
	for text, want := range map[string]TLSContext{
		"host=r.io,insecure=true":                     {Host: "r.io", Insecure: true},
		"HOST=https://r.io:5000,ca=/a,cert=/b,key=/c": {Host: "r.io:5000", CA: "/a", Cert: "/b", Key: "/c"},
		`host=r.io,"ca=/a,b"`:                         {Host: "r.io", CA: "/a,b"},
		"host=index.docker.io,ca=/a,insecure=false":   {Host: "docker.io", CA: "/a"},
		"host=r.io,cert=/b,key=/c,insecure=1":         {Host: "r.io", Cert: "/b", Key: "/c", Insecure: true},
		"host=iad.ocir.io/tenancy,ca=/a":              {},
		"host=r.io":                                   {},
		"ca=/a":                                       {},
		"host=r.io,cert=/b":                           {},
		"host=r.io,insecure=maybe":                    {},
		"host=r.io,ca=/a,colour=red":                  {},
		"r.io":                                        {},
		`host=r.io,"ca`:                               {},
	} {
		got, err := ParseTLSContext(text)
		if (err != nil) != (want == TLSContext{}) || err == nil && got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// TestTLSContext proves that a context counts for its registry in place of what the builder trusts,
// for the token as for the preflight.
func TestTLSContext(t *testing.T) {
	f := newFake(t, "Bearer", false, nil)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, f.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, context := range map[string]TLSContext{"ca": {Host: f.host(), CA: ca}, "insecure": {Host: f.host(), Insecure: true}} {
		c := configOf(t, `{"auths":{"`+f.host()+`":{"auth":"`+encoded("u", "wrong")+`"}}}`, nil)
		if err := c.UseTLS(context); err != nil {
			t.Fatal(err)
		}
		p := c.Provider(Build{})
		var denied *DeniedError
		if _, err := p.Preflight(t.Context(), []string{f.host() + "/a"}); !errors.As(err, &denied) {
			t.Errorf("%s: got %v", name, err)
		}
		if err := p.Trust(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Preflight(t.Context(), []string{f.host() + "/a"}); !errors.As(err, &denied) {
			t.Errorf("%s: Trust took its place: %v", name, err)
		}
	}
	c := configOf(t, "{}", nil)
	for _, context := range []TLSContext{{Host: "r.io", CA: "/absent"}, {Host: "r.io", CA: os.Args[0]}, {Host: "r.io", Cert: ca, Key: ca}} {
		if err := c.UseTLS(context); err == nil {
			t.Errorf("%+v is used", context)
		}
	}
}

func FuzzTLSContext(f *testing.F) {
	for _, seed := range []string{"host=r.io,insecure=true", "host=r.io,ca=a", "host=,ca=a", `"`, "=", "host=r.io,cert=a,key=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTLSContext(text)
		if err == nil && (got.Host == "" || strings.Contains(got.Host, "/")) {
			t.Fatalf("%q became %+v", text, got)
		}
	})
}
