package buildcontext

import "strings"

// Images are the references of the named contexts that are images.
func (c *Context) Images() (references []string) {
	for _, value := range c.attrs {
		if image, found := strings.CutPrefix(value, "docker-image://"); found {
			references = append(references, image)
		}
	}
	return references
}
