package manifest_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// The emulators are registered on the members of the builder itself alone, once their table is
// mounted for as long as the Pod runs.
func TestEmulatorsAreRegisteredBeforeTheDaemonStarts(t *testing.T) {
	spec := builder.Spec{
		Name: "ci", Namespace: "ns", Platforms: []string{"linux/amd64", "linux/386", "linux/arm64", "linux/arm/v6", "linux/arm/v7"},
		Emulate: []string{"linux/arm64", "linux/arm/v6", "linux/arm/v7"}, EmulateImage: "registry.local/binfmt:1",
	}
	pod := podOf(t, spec)
	if len(pod.Spec.InitContainers) != 2 {
		t.Fatalf("got %+v", pod.Spec.InitContainers)
	}
	hold, register := pod.Spec.InitContainers[0], pod.Spec.InitContainers[1]
	if hold.RestartPolicy == nil || *hold.RestartPolicy != corev1.ContainerRestartPolicyAlways || hold.StartupProbe == nil || !strings.Contains(hold.Command[2], "mount -t binfmt_misc") {
		t.Errorf("the table is not held: %+v", hold)
	}
	if register.Image != "registry.local/binfmt:1" || !slices.Equal(register.Args, []string{"--install", "arm64,arm"}) || len(register.Command) > 0 || register.RestartPolicy != nil || !*register.SecurityContext.Privileged {
		t.Errorf("the emulators are not registered: %+v", register)
	}
	if further := spec.Further(); len(further) != 1 || len(podOf(t, further[0]).Spec.InitContainers) > 0 {
		t.Errorf("the further builders emulate: %+v", further)
	}
	spec.EmulateImage, spec.Emulate = "", append(spec.Emulate, "linux/386")
	if args := podOf(t, spec).Spec.InitContainers[1].Args; args[1] != "arm64,arm" {
		t.Errorf("what amd64 runs is emulated: %v", args)
	}
	if image := podOf(t, spec).Spec.InitContainers[1].Image; image != builder.DefaultEmulateImage {
		t.Errorf("by default the image is %q", image)
	}
	if plain := podOf(t, builder.Spec{Name: "ci", Namespace: "ns", EmulateImage: "x"}); len(plain.Spec.InitContainers) > 0 {
		t.Error("a builder that emulates nothing registers emulators")
	}
}

func podOf(t *testing.T, spec builder.Spec) *corev1.Pod {
	t.Helper()
	objects, err := manifest.New(spec, certificates())
	if err != nil {
		t.Fatal(err)
	}
	return objects.Pod
}
