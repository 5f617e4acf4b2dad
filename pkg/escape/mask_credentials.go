package escape

import (
	"regexp"
	"slices"
	"strings"
)

// mask replaces credentials of one kind. It is applied to text that contains one of the hints.
type mask struct {
	hints   []string
	replace func(text string) string
}

// masks returns all kinds. Patterns are compiled when they are needed: most text has no hint.
func masks() []mask {
	return []mask{
		{[]string{":/", `:\/`}, maskUserInfo},
		{[]string{"%2"}, maskEncodedUserInfo},
		{[]string{"proxy=", "PROXY="}, replacing(`(?i)(proxy=)[^\s@"'\x60/]+@`, "${1}***@")},
		{[]string{"invalid port"}, replacing(`(invalid port )\\?"[^"\s]*[^"\s\\]\\?"( after host)`, `${1}***${2}`)},
		{[]string{"?"}, replacing(`(?i)((?:[?&;]|\\u0026)(?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|signature|credential|api[_-]?key|access[_-]?key)[a-z0-9_.-]*|sig|auth)=)[^\s&;"'<>#\\\x60]+`, "${1}***")},
		{[]string{"_key", "_token", "_KEY", "_TOKEN", "ghtoken"}, replacing(`(?i)((?:ghtoken|secret_access_key|access_key_id|session_token|account_key)(?:=|\\?"\s*:\s*\\?"))[^\s,"'\\&]+`, "${1}***")},
		{[]string{"type=gha"}, replacing(`(type=gha,(?:[^\s"']*,)?token=)[^\s,"'\\]+`, "${1}***")},
		{[]string{"gh", "glpat-", "dckr_", "npm_"}, replacing(`\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{60,}|glpat-[\w-]{20,}|dckr_[op]at_[\w-]{20,}|npm_[A-Za-z0-9]{36})`, "***")},
	}
}

// MaskCredentials returns text with "***" in place of credentials: the user information of URLs, so
// that "https://user:token@host/" becomes "https://***@host/"; query parameters such as token,
// password or signature; the keys of caches in clouds; tokens with a known format. A user name
// alone is kept where it cannot be a token, as in "ssh://git@host/". URLs that are percent-encoded,
// or have the escaped slashes of JSON, are masked too.
func MaskCredentials(text string) string {
	for _, each := range masks() {
		if slices.ContainsFunc(each.hints, func(hint string) bool { return strings.Contains(text, hint) }) {
			text = each.replace(text)
		}
	}
	return text
}

func replacing(pattern, by string) func(string) string {
	return func(text string) string { return regexp.MustCompile(pattern).ReplaceAllString(text, by) }
}

func maskUserInfo(text string) string {
	// A password with a slash, a question mark or a hash makes the URL invalid: what follows the
	// colon is not a port.
	text = replacing(`(?i)([a-z][a-z0-9+.-]*:\\?/\\?/)[^\s/?#@"'<>\x60\\:\[]*:[0-9]*[^0-9\s/?#@"'<>\x60\\][^\s/?#@"'<>\x60\\]*[/?#][^\s"'<>\x60]*@`, "${1}***@")(text)
	plain := regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*)(:\\?/\\?/)((?:[^\s/?#"'<>\x60\\]|\\u00[0-9a-f]{2})+)@(sha[0-9]+:)?`)
	return plain.ReplaceAllStringFunc(text, func(found string) string {
		part := plain.FindStringSubmatch(found)
		scheme := strings.ToLower(part[1])
		web := strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https")
		placeholder := part[3] == "USER:PASSWORD" || part[3] == "USER:TOKEN" || part[3] == "TOKEN" // of a next step
		if placeholder || part[4] != "" || !web && !strings.Contains(part[3], ":") {               // docker-image://app:1@sha256:… has none
			return found
		}
		return part[1] + part[2] + "***@"
	})
}

// maskEncodedUserInfo masks up to the last encoded "@" before an encoded slash or the next
// parameter.
func maskEncodedUserInfo(text string) string {
	return replacing(`(?i)([a-z][a-z0-9+.-]*%3a%2f%2f)(?:[^\s/?#&"'<>\x60\\%]|%(?:[013-9a-f][0-9a-f]|2[0-9a-e]))+(%40|@)`, "${1}***${2}")(text)
}
