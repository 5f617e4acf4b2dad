package history

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// sourceOf returns the source of the build: the URL of the context, or the
// repository of its directory. Credentials in it are removed.
func sourceOf(attrs map[string]string) string {
	for _, key := range []string{"context", "input:context", "vcs:source"} {
		if value := attrs[key]; value != "" && !strings.HasPrefix(value, "local:") {
			return withoutCredentials(value)
		}
	}
	return ""
}

// placeOf returns docker's name of a build without an image: the URL or the directory, and the
// target.
func placeOf(attrs map[string]string) string {
	place, target := contextOf(attrs), attrs["target"]
	switch {
	case place == "":
		return target
	case target != "":
		return place + " (" + target + ")"
	}
	return place
}

// contextOf returns the URL or the directory of a build's context; empty if its record has neither.
func contextOf(attrs map[string]string) string {
	place := sourceOf(attrs)
	if dir := filepath.ToSlash(attrs["vcs:localdir:context"]); dir != "" && dir != "." {
		switch {
		case place == "":
			place = dir
		case place == withoutCredentials(attrs["vcs:source"]):
			place += "#:" + dir
		}
	}
	return place
}

// withoutCredentials removes user and password from a URL.
func withoutCredentials(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.User == nil {
		return address
	}
	parsed.User = nil
	return parsed.String()
}

// withoutSecrets masks the credentials in the options of caches, which traces contain, e.g. the
// option "token" of GitHub's cache, and those that are masked in any text.
func withoutSecrets(text string) string {
	options := regexp.MustCompile(`(?i)(token(?:=|\\?"\s*:\s*\\?"))[^\s,"\\]+`)
	return options.ReplaceAllString(escape.MaskCredentials(text), "${1}***")
}
