package request

import (
	"maps"
	"slices"
	"strings"
)

// Images are the references that the request names beside those it pushes, as far as they are on this machine: its
// caches, its named contexts, and the images of its Dockerfile. Those with variables are left out.
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

// imagesOf are those that an instruction, or a line of it, names.
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
