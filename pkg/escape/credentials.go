package escape

import (
	"regexp"
	"strings"
)

// MaskCredentials replaces the user information of every URL in text by "***": "https://user:token@host/" becomes
// "https://***@host/". A mere user name stays where it cannot be a token, as in "ssh://git@host/". URLs that are
// percent-encoded, or written with the slashes of JSON, are masked too.
func MaskCredentials(text string) string {
	if !strings.Contains(text, ":/") && !strings.Contains(text, `:\/`) && !strings.Contains(text, "%2") {
		return text
	}
	plain := regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*)(:\\?/\\?/)([^\s/?#"'<>\x60\\]+)@(sha[0-9]+:)?`)
	text = plain.ReplaceAllStringFunc(text, func(found string) string {
		part := plain.FindStringSubmatch(found)
		scheme := strings.ToLower(part[1])
		web := strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https")
		placeholder := part[3] == "USER:PASSWORD" || part[3] == "USER:TOKEN" || part[3] == "TOKEN" // of a next step
		if placeholder || part[4] != "" || !web && !strings.Contains(part[3], ":") {               // docker-image://app:1@sha256:… has none
			return found
		}
		return part[1] + part[2] + "***@"
	})
	// Everything up to the last encoded "@" before an encoded slash or the next parameter.
	encoded := regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*%3a%2f%2f)(?:[^\s/?#&"'<>\x60\\%]|%(?:[013-9a-f][0-9a-f]|2[0-9a-e]))+(%40|@)`)
	return encoded.ReplaceAllString(text, "${1}***${2}")
}
