package request

import (
	"slices"
	"strings"
	"testing"
)

func TestAttestations(t *testing.T) {
	const byDefault = "mode=min,inline-only=true"
	for name, test := range map[string]struct {
		change           func(*Options)
		provenance, sbom string
	}{
		"nothing":               {func(*Options) {}, byDefault, ""},
		"sbom":                  {func(o *Options) { o.SBOM = "true" }, byDefault, "type=sbom"},
		"sbom of a generator":   {func(o *Options) { o.SBOM = "generator=example.com/scan:1" }, byDefault, "type=sbom,generator=example.com/scan:1"},
		"no provenance":         {func(o *Options) { o.Provenance = "false" }, "", ""},
		"provenance":            {func(o *Options) { o.Provenance = "1" }, "type=provenance", ""},
		"provenance by mode":    {func(o *Options) { o.Provenance = "mode=max,version=v1" }, "type=provenance,mode=max,version=v1", ""},
		"attest":                {func(o *Options) { o.Attest = []string{"type=provenance,mode=max", "type=sbom"} }, "type=provenance,mode=max", "type=sbom"},
		"attest disabled":       {func(o *Options) { o.Attest = []string{"type=provenance,disabled=true"} }, "", ""},
		"the same in two words": {func(o *Options) { o.Attest, o.SBOM = []string{"type=sbom"}, "true" }, byDefault, "type=sbom"},
		"a comma":               {func(o *Options) { o.SBOM = `"generator=a,b"` }, byDefault, `type=sbom,"generator=a,b"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := attrs(t, with(test.change), workspace(t, nil))
			if got["attest:provenance"] != test.provenance || got["attest:sbom"] != test.sbom {
				t.Errorf("provenance is %q and sbom is %q", got["attest:provenance"], got["attest:sbom"])
			}
		})
	}
}

// TestOldFormOfAttestations proves that the variable counts for images whose output does not say it
// itself.
func TestOldFormOfAttestations(t *testing.T) {
	env := workspace(t, map[string]string{noArtifactEnv: "1"})
	for typed, want := range map[string]string{
		"type=image": "false", "type=oci,dest=x": "false", "type=image,oci-artifact=true": "true", "type=docker,dest=x": "", "type=local,dest=x": "",
	} {
		got := exports(t, with(func(o *Options) { o.Outputs = []string{typed} }), env)
		if got[0].Attrs[artifactAttr] != want {
			t.Errorf("%s: got %v", typed, got[0].Attrs)
		}
	}
	wantUsage(t, valid(), workspace(t, map[string]string{noArtifactEnv: "perhaps"}), noArtifactEnv, "not a boolean")
}

func TestAttestationErrors(t *testing.T) {
	for name, test := range map[string]struct {
		change     func(*Options)
		flag, want string
	}{
		"no type":       {func(o *Options) { o.Attest = []string{"mode=max"} }, "--attest", "type= is missing"},
		"another type":  {func(o *Options) { o.Attest = []string{"type=vex"} }, "--attest", `unknown type "vex"`},
		"no pair":       {func(o *Options) { o.SBOM = "maybe" }, "--sbom", "not key=value"},
		"mode":          {func(o *Options) { o.Provenance = "mode=most" }, "--provenance", `unknown mode "most"`},
		"disabled":      {func(o *Options) { o.Attest = []string{"type=sbom,disabled=no way"} }, "--attest", "not a boolean"},
		"contradiction": {func(o *Options) { o.Attest, o.SBOM = []string{"type=sbom"}, "false" }, "--sbom", "contradicts it"},
		"docker archive": {
			func(o *Options) { o.SBOM, o.Outputs = "true", []string{"type=docker,dest=x"} }, "--output", "does not support attestations",
		},
	} {
		t.Run(name, func(t *testing.T) { wantUsage(t, with(test.change), workspace(t, nil), test.flag, test.want) })
	}
}

func TestAnnotations(t *testing.T) {
	entries := exports(t, with(func(o *Options) {
		o.Annotations = []string{"a=b=c", "index,manifest[linux/arm64]:k=v", "manifest-descriptor:d="}
		o.Outputs = []string{"type=oci,dest=x", "out"}
	}), workspace(t, nil))
	want := map[string]string{"annotation.a": "b=c", "annotation-index.k": "v", "annotation-manifest[linux/arm64].k": "v", "annotation-manifest-descriptor.d": ""}
	for key, value := range want {
		if got, found := entries[0].Attrs[key]; !found || got != value {
			t.Errorf("%s is %q, want %q in %v", key, got, value, entries[0].Attrs)
		}
	}
	if len(entries[1].Attrs) != 0 {
		t.Errorf("files have annotations: %v", entries[1].Attrs)
	}
}

func TestAnnotationErrors(t *testing.T) {
	for value, want := range map[string]string{
		"a": "not KEY=VALUE", "=b": "key is empty", "layer:a=b": `unknown type "layer"`, "index[:a=b": "TYPE[PLATFORM]", "manifest[a/b/c/d/e]:a=b": "cannot parse the platform",
	} {
		wantUsage(t, with(func(o *Options) { o.Annotations, o.Outputs = []string{value}, []string{"type=oci,dest=x"} }), workspace(t, nil), "--annotation", want)
	}
	wantUsage(t, with(func(o *Options) { o.Annotations, o.Outputs = []string{"a=b"}, []string{"out"} }), workspace(t, nil), "--annotation", "none of the outputs is an image")
}

func FuzzAttestation(f *testing.F) {
	for _, seed := range []string{"true", "type=sbom", "mode=max", "type=provenance,disabled=1", `"`, "generator=a", "=", ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, flag := range []string{"--attest", "--sbom", "--provenance"} {
			a, err := parseAttestation(flag, value)
			checkFuzzed(t, err)
			if err != nil || a.disabled {
				continue
			}
			again, err := parseAttestation("--attest", joinFields(a.kind, a.attrs))
			if err != nil || again.kind != a.kind || !slices.Equal(sortedKeys(again.attrs), sortedKeys(a.attrs)) {
				t.Fatalf("%q became %q: %v", value, joinFields(a.kind, a.attrs), err)
			}
		}
	})
}

func FuzzAnnotation(f *testing.F) {
	for _, seed := range []string{"a=b", "index:a=b", "manifest[linux/amd64],index:a=b", ":", "=", "index[]:a=b", ":a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		keys, _, err := parseAnnotation(value)
		checkFuzzed(t, err)
		for _, key := range keys {
			if !strings.HasPrefix(key, "annotation") {
				t.Fatalf("%q became %q", value, key)
			}
		}
	})
}
