package builder

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	corev1 "k8s.io/api/core/v1"
)

// DefaultEmulateImage registers the emulators of a builder with emulated platforms.
const DefaultEmulateImage = "docker.io/tonistiigi/binfmt:qemu-v10.2.3-68"

// EmulateMissing stands, among the platforms to emulate, for those that no node of the cluster has.
// It is replaced by them before a Spec is stored.
const EmulateMissing = "missing"

// maxPlatforms bounds the platforms of a builder: there are fewer architectures of Linux.
const maxPlatforms = 32

// Native is a platform that a builder builds for.
type Native struct {
	// Platform is e.g. "linux/arm64", as package platforms of containerd writes it.
	Platform string `json:"platform"`
	// Builder is the builder whose members build for it: the one that was asked for, or one of its
	// family.
	Builder string `json:"builder"`
	// Emulated reports that these members run its steps by emulation.
	Emulated bool `json:"emulated,omitempty"`
}

// ParsePlatforms reads platforms, e.g. "linux/amd64,linux/arm64", in the spelling of package
// platforms. The field names the flag in errors.
func ParsePlatforms(field string, texts ...string) ([]string, error) {
	var list []string
	for _, text := range splitAll(texts) {
		platform, err := parsePlatform(field, text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, platform) {
			list = append(list, platform)
		}
	}
	return list, nil
}

// ParseEmulate reads which platforms are emulated; EmulateMissing is one of them.
func ParseEmulate(texts ...string) ([]string, error) {
	const field = "emulate"
	rest, missing := []string{}, []string(nil)
	for _, text := range splitAll(texts) {
		if text == EmulateMissing {
			missing = []string{EmulateMissing}
			continue
		}
		rest = append(rest, text)
	}
	list, err := ParsePlatforms(field, rest...)
	return append(list, missing...), err
}

func parsePlatform(field, text string) (string, error) {
	const hint = "write OS/ARCHITECTURE, e.g. linux/arm64"
	if !strings.Contains(text, "/") {
		return "", invalid(field, text, "it is not OS/ARCHITECTURE", hint)
	}
	parsed, err := platforms.Parse(text)
	if err != nil {
		return "", invalid(field, text, "it is not a platform", hint)
	}
	parsed = platforms.Normalize(parsed)
	if parsed.OS != "linux" {
		return "", invalid(field, text, "the daemon runs on Linux nodes", hint)
	}
	platform := platforms.FormatAll(parsed)
	if strings.ContainsAny(platform, "()") {
		return "", invalid(field, text, "a version of Linux is not part of it", hint)
	}
	return platform, nil
}

// architecture is that of a platform, e.g. "arm64": what nodes have as label kubernetes.io/arch.
func architecture(platform string) string {
	_, rest, _ := strings.Cut(platform, "/")
	arch, _, _ := strings.Cut(rest, "/")
	return arch
}

// native are the platforms that are not emulated.
func (s Spec) native() []string {
	return slices.DeleteFunc(slices.Clone(s.Platforms), func(platform string) bool { return slices.Contains(s.Emulate, platform) })
}

// Architecture is the architecture of the nodes that the members run on, e.g. "arm64"; empty where
// any will do.
func (s Spec) Architecture() string {
	if native := s.native(); len(native) > 0 {
		return architecture(native[0])
	}
	return ""
}

// Architectures are those of the family's builders, the builder's own first.
func (s Spec) Architectures() []string {
	var list []string
	for _, platform := range s.native() {
		if arch := architecture(platform); !slices.Contains(list, arch) {
			list = append(list, arch)
		}
	}
	return list
}

// GroupName is the name of the builder that builds for an architecture.
func (s Spec) GroupName(arch string) string {
	if arch == s.Architecture() || s.Family != "" {
		return s.Name
	}
	return s.Name + "-" + arch
}

// EmulatedArchitectures are those whose emulators are registered, e.g. "arm64". Processors of amd64
// run what is for 386, and an emulator would take its place.
func (s Spec) EmulatedArchitectures() []string {
	var list []string
	for _, platform := range s.Emulate {
		arch := architecture(platform)
		native := arch == "386" && s.Architecture() == "amd64"
		if platform != EmulateMissing && !native && !slices.Contains(list, arch) {
			list = append(list, arch)
		}
	}
	return list
}

// EmulatorImage is the image that registers them.
func (s Spec) EmulatorImage() string { return cmp.Or(s.EmulateImage, DefaultEmulateImage) }

// EmulateOn returns the Spec that emulates, in place of EmulateMissing, the platforms whose
// architecture is not one of the nodes'.
func (s Spec) EmulateOn(nodes []string) Spec {
	s = s.clone()
	if !slices.Contains(s.Emulate, EmulateMissing) {
		return s
	}
	s.Emulate = slices.DeleteFunc(s.Emulate, func(each string) bool { return each == EmulateMissing })
	for _, platform := range s.native() {
		if !slices.Contains(nodes, architecture(platform)) {
			s.Emulate = append(s.Emulate, platform)
		}
	}
	return s
}

// NodeLabels are those that a node needs to run a member, besides that it is one of Linux.
func (s Spec) NodeLabels() map[string]string {
	labels := maps.Clone(s.NodeSelector)
	if arch := s.Architecture(); arch != "" {
		if labels == nil {
			labels = map[string]string{}
		}
		labels[corev1.LabelArchStable] = arch
	}
	return labels
}

// Further are the builders of the family besides the builder itself, which have its settings: one
// for each further architecture.
func (s Spec) Further() []Spec {
	var list []Spec
	for _, arch := range s.Architectures() {
		if name := s.GroupName(arch); name != s.Name {
			group := s.clone()
			group.Name, group.Family, group.Emulate, group.EmulateImage = name, s.Name, nil, ""
			group.Platforms = slices.DeleteFunc(s.native(), func(platform string) bool { return architecture(platform) != arch })
			list = append(list, group)
		}
	}
	return list
}

// Natives say which builder of the family builds for each platform, in the order of Platforms.
func (s Spec) Natives() []Native {
	var list []Native
	for _, platform := range s.Platforms {
		native := Native{Platform: platform, Builder: s.Name, Emulated: slices.Contains(s.Emulate, platform)}
		if !native.Emulated {
			native.Builder = s.GroupName(architecture(platform))
		}
		list = append(list, native)
	}
	return list
}

// CheckNatives judges what a document says of the platforms of the builder of that name: a client
// must not be sent to builders that do not belong to it.
func CheckNatives(name string, list []Native) error {
	if len(list) > maxPlatforms {
		return fmt.Errorf("it lists %d platforms, more than %d", len(list), maxPlatforms)
	}
	seen := map[string]bool{}
	for _, native := range list {
		platform, err := parsePlatform("platform", native.Platform)
		if err != nil || platform != native.Platform {
			return fmt.Errorf("invalid platform %q", native.Platform)
		}
		if seen[platform] {
			return fmt.Errorf("platform %q is listed twice", platform)
		}
		seen[platform] = true
		if native.Builder != name && (native.Emulated || native.Builder != name+"-"+architecture(platform)) || ValidateName(native.Builder) != nil {
			return fmt.Errorf("builder %q of platform %q is not of the family of builder %q", native.Builder, platform, name)
		}
	}
	return nil
}

// validatePlatforms judges which platforms there are, and which of them are emulated.
func (s Spec) validatePlatforms() error {
	if len(s.Platforms) > maxPlatforms {
		return invalid("platform", "", fmt.Sprintf("more than %d platforms", maxPlatforms), "")
	}
	for _, platform := range s.Platforms {
		if text, err := parsePlatform("platform", platform); err != nil || text != platform {
			return cmp.Or(err, invalid("platform", platform, "its usual spelling is "+text, ""))
		}
	}
	if err := s.validateEmulate(); err != nil {
		return err
	}
	if arch, given := s.NodeSelector[corev1.LabelArchStable]; given && len(s.Platforms) > 0 {
		return invalid("node selector", corev1.LabelArchStable+"="+arch, "the platforms of the builder say which nodes its members run on", "leave it out")
	}
	for _, group := range s.Further() {
		if ValidateName(group.Name) != nil {
			return invalid("builder name", s.Name, fmt.Sprintf("%s, the name of its builder for %s, would be longer than %d characters",
				group.Name, group.Architecture(), maxName), "choose a shorter one")
		}
	}
	return nil
}

func (s Spec) validateEmulate() error {
	for _, platform := range s.Emulate {
		if platform != EmulateMissing && !slices.Contains(s.Platforms, platform) {
			return invalid("emulate", platform, "it is not a platform of the builder", "add it with --platform "+platform)
		}
	}
	if len(s.Emulate) > 0 && len(s.native()) == 0 {
		return invalid("emulate", strings.Join(s.Emulate, ","), "all platforms of the builder would be emulated",
			"add the platform of the nodes that are to emulate, e.g. --platform linux/amd64")
	}
	if s.EmulateImage != "" && badImage(s.EmulateImage) {
		return invalid("emulate image", s.EmulateImage, "it is not an image reference", "write e.g. "+DefaultEmulateImage)
	}
	return nil
}

// badImage reports whether a text cannot be the reference of an image.
func badImage(text string) bool {
	return text == "" || strings.ContainsAny(text, " \t\n") || strings.Contains(text, "://")
}

// platformSettings say what the builder builds for.
func platformSettings() []setting {
	platforms := several("platform", func(s *Spec) *[]string { return &s.Platforms })
	remove := platforms.remove
	platforms.remove = func(s *Spec, value string) {
		if text, err := parsePlatform("platform", value); err == nil {
			value = text
		}
		remove(s, value)
		// What is not built for is not emulated.
		s.Emulate = slices.DeleteFunc(s.Emulate, func(each string) bool { return each != EmulateMissing && !slices.Contains(s.Platforms, each) })
	}
	return []setting{
		platforms,
		several("emulate", func(s *Spec) *[]string { return &s.Emulate }),
		text("emulate-image", func(s *Spec) *string { return &s.EmulateImage }),
	}
}
