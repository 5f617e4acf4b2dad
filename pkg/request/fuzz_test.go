package request

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// checkFuzzed fails if an error is not a usage error of one line with a reason.
func checkFuzzed(t *testing.T, err error) {
	t.Helper()
	var wrong *usage.Error
	if err != nil && (!errors.As(err, &wrong) || wrong.What == "" || wrong.Reason == "") {
		t.Fatalf("%#v is not a usage error with a flag and a reason", err)
	}
}

func FuzzTag(f *testing.F) {
	for _, seed := range []string{"a", "A/B:C", "example.com:5000/a/b:tag", "a@sha256:x", "://", ":", "a:b:c/D", "", "ä", "[::1]:5000/a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		checkFuzzed(t, checkTag("--tag", name))
	})
}

func FuzzOutput(f *testing.F) {
	for _, seed := range []string{
		"", "-", "out", "type=", "type=image,name=a,push=true", `type=oci,"annotation.a=b,c"`, "type=oci,tar=false,dest=x",
		"type=local,dest=-", "TYPE=tar", "type=image,annotation-index[linux/amd64].x=y", "=", ",", `"`, "type=docker,dest=x,push",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		out, err := parseOutput(value)
		checkFuzzed(t, err)
		if err == nil && !slices.Contains(knownTypes(), out.kind) {
			t.Fatalf("%q: unknown type %q", value, out.kind)
		}
		if err == nil && out.kind == typeRegistry {
			t.Fatalf("%q: the daemon has no exporter named registry", value)
		}
	})
}

func FuzzPlatforms(f *testing.F) {
	for _, seed := range []string{"linux/amd64", "local", "linux/arm/v7,linux/arm64", ",", "", "windows(10.0.1)/amd64", "a/b/c/d", "linux(+x)/amd64"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := &Request{attrs: map[string]string{}}
		err := applyPlatforms(r, []string{value}, Environment{})
		checkFuzzed(t, err)
		if err != nil {
			return
		}
		again := &Request{attrs: map[string]string{}}
		if err := applyPlatforms(again, []string{r.attrs["platform"]}, Environment{}); err != nil {
			t.Fatalf("%q became %q, which is wrong: %v", value, r.attrs["platform"], err)
		}
	})
}

func FuzzPairs(f *testing.F) {
	for _, seed := range []string{"a=b", "a", "=", "", "a==b", "BUILDKIT_SYNTAX=", "BUILDKIT_SYNTAX=a b", "BUILDKIT_MULTI_PLATFORM=x", "HTTP_PROXY"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		env := Environment{LookupEnv: func(string) (string, bool) { return "", false }, Proxies: map[string]string{"HTTP_PROXY": "p"}}
		r := &Request{attrs: map[string]string{}}
		checkFuzzed(t, applyArgs(r, []string{value}, env))
		err := applyLabels(r, []string{value})
		checkFuzzed(t, err)
		key, text, _ := strings.Cut(value, "=")
		if err == nil && r.attrs["label:"+key] != text {
			t.Fatalf("%q: label %q is %q", value, key, r.attrs["label:"+key])
		}
	})
}
