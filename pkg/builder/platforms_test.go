package builder_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

func TestParsePlatforms(t *testing.T) {
	got, err := builder.ParsePlatforms("platform", "linux/amd64, linux/aarch64", "Linux/x86_64,linux/arm,linux/386,linux/amd64/v2,")
	want := []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/amd64/v2"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for text, reason := range map[string]string{
		"arm64": "not OS/ARCHITECTURE", "windows/amd64": "Linux nodes", "linux/a/b/c/d": "not a platform", "linux/ä": "not a platform",
		"linux(5.1)/amd64": "version of Linux", "missing": "not OS/ARCHITECTURE",
	} {
		_, err := builder.ParsePlatforms("platform", text)
		refused(t, err, "--platform", reason)
	}
	emulated, err := builder.ParseEmulate("missing", "linux/arm64,missing")
	if err != nil || !slices.Equal(emulated, []string{"linux/arm64", builder.EmulateMissing}) {
		t.Errorf("emulated are %v, %v", emulated, err)
	}
	_, err = builder.ParseEmulate("arm64")
	refused(t, err, "--emulate", "not OS/ARCHITECTURE")
}

// A group of members for each architecture; variants belong to theirs, and what is emulated to the
// builder itself.
func TestPlatformsMakeAFamily(t *testing.T) {
	spec := builder.Spec{
		Name: "ci", Namespace: "ns", Replicas: 2, EmulateImage: "binfmt",
		Platforms: []string{"linux/riscv64", "linux/amd64", "linux/arm/v7", "linux/amd64/v2", "linux/arm/v6"}, Emulate: []string{"linux/riscv64"},
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []builder.Native{
		{Platform: "linux/riscv64", Builder: "ci", Emulated: true},
		{Platform: "linux/amd64", Builder: "ci"},
		{Platform: "linux/arm/v7", Builder: "ci-arm"},
		{Platform: "linux/amd64/v2", Builder: "ci"},
		{Platform: "linux/arm/v6", Builder: "ci-arm"},
	}
	if got := spec.Natives(); !reflect.DeepEqual(got, want) || spec.Architecture() != "amd64" || builder.CheckNatives("ci", got) != nil {
		t.Errorf("on %s: %+v (%v)", spec.Architecture(), got, builder.CheckNatives("ci", got))
	}
	further := spec.Further()
	if len(further) != 1 {
		t.Fatalf("further are %+v", further)
	}
	group := further[0]
	if group.Name != "ci-arm" || group.Family != "ci" || group.Architecture() != "arm" || group.Replicas != 2 || len(group.Emulate) > 0 ||
		group.EmulateImage != "" || len(group.Further()) > 0 || group.Validate() != nil {
		t.Errorf("further is %+v (%v)", group, group.Validate())
	}
	if own := []builder.Native{{Platform: "linux/arm/v7", Builder: "ci-arm"}, {Platform: "linux/arm/v6", Builder: "ci-arm"}}; !reflect.DeepEqual(group.Natives(), own) {
		t.Errorf("it builds for %+v", group.Natives())
	}
	plain := builder.Spec{Name: "ci"}
	if plain.Natives() != nil || plain.Architecture() != "" || plain.Further() != nil {
		t.Errorf("without platforms: %+v", plain.Natives())
	}
}

func TestPlatformsOfASpec(t *testing.T) {
	many := []string{}
	for n := range 33 {
		many = append(many, fmt.Sprintf("linux/amd64/v%d", n+2))
	}
	for reason, spec := range map[string]builder.Spec{
		"usual spelling is linux/amd64": {Platforms: []string{"linux/x86_64"}},
		"Linux nodes":                   {Platforms: []string{"windows/amd64"}},
		"not a platform of the builder": {Platforms: []string{"linux/amd64"}, Emulate: []string{"linux/arm64"}},
		"would be emulated":             {Platforms: []string{"linux/arm64"}, Emulate: []string{"linux/arm64"}},
		"not an image reference":        {Platforms: []string{"linux/arm64"}, EmulateImage: "a b"},
		"say which nodes":               {Platforms: []string{"linux/arm64"}, NodeSelector: map[string]string{"kubernetes.io/arch": "arm64"}},
		"would be longer than 52":       {Platforms: []string{"linux/amd64", "linux/arm64"}, Name: strings.Repeat("a", 50)},
		"more than 32 platforms":        {Platforms: many},
	} {
		spec.Namespace = "ns"
		if err := spec.Validate(); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("want %q, got %v", reason, err)
		}
	}
	spec := builder.Spec{Platforms: []string{"linux/amd64", "linux/arm64"}, Emulate: []string{"linux/arm64"}}
	if left := spec.Without("platform", "linux/aarch64"); len(left.Platforms) != 1 || len(left.Emulate) > 0 {
		t.Errorf("without arm64: %+v", left)
	}
}

// A document may come from a user who may write Secrets, and nothing else.
func TestHostilePlatformsAreRefused(t *testing.T) {
	many := make([]builder.Native, 33)
	for reason, list := range map[string][]builder.Native{
		"more than 32":      many,
		"invalid platform":  {{Platform: "linux/x86_64", Builder: "ci"}},
		"invalid platform ": {{Platform: "linux/\x1b[2J", Builder: "ci"}},
		"listed twice":      {{Platform: "linux/amd64", Builder: "ci"}, {Platform: "linux/amd64", Builder: "ci-amd64"}},
		"not of the family": {{Platform: "linux/arm64", Builder: "other"}},
		`builder "ci-arm"`:  {{Platform: "linux/arm64", Builder: "ci-arm"}},
		`builder ""`:        {{Platform: "linux/arm64"}},
		`"ci-arm64"`:        {{Platform: "linux/arm64", Builder: "ci-arm64", Emulated: true}},
	} {
		if err := builder.CheckNatives("ci", list); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(reason)) {
			t.Errorf("want %q, got %v", reason, err)
		}
	}
}
