package request

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Platforms returns the platforms of --platform, normalized; empty for the builder's own.
func (r *Request) Platforms() []string {
	if r.attrs["platform"] == "" {
		return nil
	}
	return strings.Split(r.attrs["platform"], ",")
}

// Stages returns the names of the Dockerfile's stages; empty if the Dockerfile is not on this
// machine.
func (r *Request) Stages() []string {
	if r.frontend != dockerfileFrontend || r.context == nil || r.defined {
		return nil
	}
	var names []string
	for _, stage := range parseStages(r.context.Dockerfile(r.attrs["filename"])) {
		if regexp.MustCompile(`^[A-Za-z][\w.-]*$`).MatchString(stage.name) {
			names = append(names, stage.name)
		}
	}
	return names
}

// Emulated returns the platforms whose RUN steps a builder cannot run that runs the given ones, in
// the spelling of package platforms. It reads the Dockerfile if that is on this machine: a stage
// that runs on the builder's own platform, or runs nothing, does not count. Where it cannot be read
// every platform counts.
func (r *Request) Emulated(native []string) []string {
	var foreign []string
	for _, name := range r.Platforms() {
		if !slices.Contains(native, name) {
			foreign = append(foreign, name)
		}
	}
	if len(foreign) == 0 || len(native) == 0 || r.frontend != dockerfileFrontend || r.context == nil || r.defined {
		return nil
	}
	stages := parseStages(r.context.Dockerfile(r.attrs["filename"]))
	if stages == nil {
		return foreign
	}
	return slices.DeleteFunc(foreign, func(name string) bool {
		return !stages.runOn(r.attrs["target"], name, native)
	})
}

// KnowsStages reports whether the Dockerfile is on this machine and can be parsed.
func (r *Request) KnowsStages() bool {
	return r.context != nil && parseStages(r.context.Dockerfile(r.attrs["filename"])) != nil
}

// stage has the properties of a Dockerfile's stage that determine its platform.
type stage struct {
	name, base string
	platform   string   // as typed; "" is that of the base
	runs       bool     // it has a RUN step
	uses       []string // stages or images that it copies from or mounts
}

type stages []stage

// parseStages is nil if the text is not a Dockerfile that this parser knows; another frontend may
// know more.
func parseStages(text []byte) stages {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	var found stages
	for _, node := range parsed.AST.Children {
		if strings.EqualFold(node.Value, "from") {
			found = append(found, newStage(node))
			continue
		}
		if len(found) == 0 {
			continue
		}
		last := &found[len(found)-1]
		last.runs = last.runs || strings.EqualFold(node.Value, "run")
		for _, flag := range node.Flags {
			for field := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(flag, "--"), "mount="), ",") {
				if from, ok := strings.CutPrefix(field, "from="); ok {
					last.uses = append(last.uses, from)
				}
			}
		}
	}
	return found
}

func newStage(node *parser.Node) stage {
	var s stage
	for _, flag := range node.Flags {
		if platform, ok := strings.CutPrefix(flag, "--platform="); ok {
			s.platform = platform
		}
	}
	if node.Next == nil {
		return s
	}
	s.base = node.Next.Value
	if as := node.Next.Next; as != nil && strings.EqualFold(as.Value, "as") && as.Next != nil {
		s.name = as.Next.Value
	}
	return s
}

// find is the index of the stage before the given one that has the name or number; -1 if there is
// none.
func (s stages) find(name string, before int) int {
	if number, err := strconv.Atoi(name); err == nil && number >= 0 && number < before {
		return number
	}
	for i := before - 1; i >= 0; i-- {
		if s[i].name != "" && strings.EqualFold(s[i].name, name) {
			return i
		}
	}
	return -1
}

// runOn reports whether building the target for a platform runs a step on one that is not native.
func (s stages) runOn(target, platform string, native []string) bool {
	first := len(s) - 1
	if target != "" {
		if first = s.find(target, len(s)); first < 0 {
			return true // the daemon reports that the stage does not exist
		}
	}
	needed := make([]bool, len(s))
	if first >= 0 {
		needed[first] = true
	}
	for i := first; i >= 0; i-- {
		if !needed[i] {
			continue
		}
		if s[i].runs && !slices.Contains(native, s.platformOf(i, platform, native)) {
			return true
		}
		for _, name := range append([]string{s[i].base}, s[i].uses...) {
			if used := s.find(name, i); used >= 0 {
				needed[used] = true
			}
		}
	}
	return false
}

// platformOf returns the platform of a stage: that of its FROM, or of its base, or of the target.
func (s stages) platformOf(i int, target string, native []string) string {
	switch typed := s[i].platform; typed {
	case "":
		if base := s.find(s[i].base, i); base >= 0 {
			return s.platformOf(base, target, native)
		}
		return target
	case "$BUILDPLATFORM", "${BUILDPLATFORM}":
		return native[0]
	default:
		if parsed, err := platforms.Parse(typed); err == nil {
			return platforms.FormatAll(platforms.Normalize(parsed))
		}
		return target
	}
}

// Images are the references that the request names beside those it pushes, as far as they are on
// this machine: its caches, its named contexts, and the images of its Dockerfile. Those with
// variables are left out.
func (r *Request) Images() []string {
	names := map[string]bool{}
	for _, entry := range slices.Concat(r.cacheImports, r.cacheExports) {
		if entry.Type == cacheRegistry {
			names[entry.Attrs["ref"]] = true
		}
	}
	for _, image := range r.context.Images() {
		names[image] = true
	}
	for _, value := range r.attrs {
		if image, found := strings.CutPrefix(value, "docker-image://"); found {
			names[image] = true
		}
	}
	for line := range strings.Lines(string(r.context.Dockerfile(r.attrs["filename"]))) {
		for _, image := range imagesOf(strings.Fields(line)) {
			names[image] = true
		}
	}
	maps.DeleteFunc(names, func(name string, _ bool) bool { return name == "" || strings.Contains(name, "$") })
	return slices.Sorted(maps.Keys(names))
}

// imagesOf returns the images in an instruction, or in a line of it.
func imagesOf(fields []string) (images []string) {
	for i, field := range fields {
		if image, found := strings.CutPrefix(field, "--from="); found {
			images = append(images, image)
		}
		if _, after, found := strings.Cut(field, "from="); found && strings.HasPrefix(field, "--mount=") {
			image, _, _ := strings.Cut(after, ",")
			images = append(images, image)
		}
		if image, found := strings.CutPrefix(field, "syntax="); found && strings.HasPrefix(fields[0], "#") {
			images = append(images, image)
		}
		if image, found := strings.CutPrefix(field, "#syntax="); found && i == 0 {
			images = append(images, image)
		}
	}
	if len(fields) > 0 && strings.EqualFold(fields[0], "FROM") {
		for _, field := range fields[1:] {
			if !strings.HasPrefix(field, "--") {
				return append(images, field)
			}
		}
	}
	return images
}
