package builder_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

func TestEphemeralNamesFit(t *testing.T) {
	for name, want := range map[string]string{
		"buildkitd":                           "buildkitd-1f2e3d4c",
		strings.Repeat("a", 52):               strings.Repeat("a", 43) + "-1f2e3d4c",
		"a" + strings.Repeat("-", 42) + "bbb": "a-1f2e3d4c",
	} {
		got := builder.EphemeralName(name, "1f2e3d4c")
		if err := builder.ValidateName(got); got != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
}

// A builder for one build has what the other one has, but for what makes no sense for it.
func TestEphemeralSettings(t *testing.T) {
	given := everything(t)
	given.Patch = []byte("kind: Pod\nmetadata: {name: other}\nspec: {hostname: a}\n---\nkind: Role\nmetadata: {labels: {a: b}}\n")
	spec, err := given.Ephemeral("own-1f2e3d4c")
	if err != nil {
		t.Fatal(err)
	}
	var lost []string
	for _, setting := range given.Settings() {
		if !slices.ContainsFunc(spec.Settings(), func(other builder.Setting) bool { return other.Name == setting.Name }) {
			lost = append(lost, setting.Name)
		}
	}
	for _, name := range lost {
		if !slices.Contains(builder.NotEphemeral(), name) {
			t.Errorf("%s is lost", name)
		}
	}
	for _, name := range builder.NotEphemeral() {
		if !slices.Contains(builder.SettingNames(), name) {
			t.Errorf("%s: no such setting", name)
		}
		if slices.ContainsFunc(spec.Settings(), func(other builder.Setting) bool { return other.Name == name }) {
			t.Errorf("%s is kept", name)
		}
	}
	if spec.Name != "own-1f2e3d4c" || spec.Stateful() || spec.Labels[builder.LabelEphemeral] == "" || given.Labels[builder.LabelEphemeral] != "" {
		t.Errorf("got %+v of %+v", spec, given)
	}
	patches, err := builder.ParsePatches(spec.Patch)
	if err != nil || len(patches) != 1 || patches[0].Kind != "Pod" || patches[0].Name != "" {
		t.Errorf("patches: %+v, %v", patches, err)
	}
}
