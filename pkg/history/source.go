package history

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// sourceOf is where the build came from: a URL as context, or the repository that
// the client found its directory in. Credentials in it are left out.
func sourceOf(attrs map[string]string) string {
	for _, key := range []string{"context", "input:context", "vcs:source"} {
		if value := attrs[key]; value != "" && !strings.HasPrefix(value, "local:") {
			return withoutCredentials(value)
		}
	}
	return ""
}

// placeOf names a build without an image as docker does, by what was built: a URL or a directory, and the target.
func placeOf(attrs map[string]string) string {
	place, target := sourceOf(attrs), attrs["target"]
	if dir := filepath.ToSlash(attrs["vcs:localdir:context"]); dir != "" && dir != "." {
		switch {
		case place == "":
			place = dir
		case place == withoutCredentials(attrs["vcs:source"]):
			place += "#:" + dir
		}
	}
	switch {
	case place == "":
		return target
	case target != "":
		return place + " (" + target + ")"
	}
	return place
}

// withoutCredentials leaves out user and password of a URL.
func withoutCredentials(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.User == nil {
		return address
	}
	parsed.User = nil
	return parsed.String()
}

// withoutSecrets masks the credentials that clients put into the options of caches, which come back in traces, the
// option "token" of GitHub's among them, beside all that are masked in any text.
func withoutSecrets(text string) string {
	options := regexp.MustCompile(`(?i)(token(?:=|\\?"\s*:\s*\\?"))[^\s,"\\]+`)
	return options.ReplaceAllString(escape.MaskCredentials(text), "${1}***")
}
