package request

import (
	"errors"
	"strings"

	"github.com/distribution/reference"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// checkTag parses a name for an image as docker does. The name is sent as typed:
// the daemon adds the default registry and tag.
func checkTag(flag, name string) error {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return &usage.Error{What: flag, Value: name, Reason: err.Error(), Next: tagAdvice(name, err)}
	}
	if _, ok := named.(reference.Digested); ok {
		return &usage.Error{
			What: flag, Value: name, Reason: "an image cannot be given a name with a digest",
			Next: "leave out @sha256:…",
		}
	}
	return nil
}

func tagAdvice(name string, err error) string {
	const form = "use [registry/]repository[:tag]"
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return form
	case errors.Is(err, reference.ErrNameContainsUppercase), strings.Contains(err.Error(), "must be lowercase"):
		if repository, tag, ok := cutTag(name); ok {
			lower = strings.ToLower(repository) + ":" + tag
		}
		return `use "` + lower + `"`
	case strings.Contains(name, "://"):
		_, rest, _ := strings.Cut(name, "://")
		rest = rest[strings.LastIndex(rest, "@")+1:] // it may have a password
		return `leave the scheme out: "` + rest + `"`
	case strings.Contains(name, ","):
		return "give --tag once for each name"
	}
	return form
}

// cutTag splits off the tag, which alone may have upper-case letters.
func cutTag(name string) (repository, tag string, ok bool) {
	colon := strings.LastIndex(name, ":")
	if colon < strings.LastIndex(name, "/") || colon < 0 {
		return name, "", false
	}
	return name[:colon], name[colon+1:], true
}
