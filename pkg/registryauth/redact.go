package registryauth

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxQuote is how much of a message of a server or a program is quoted, in bytes.
const maxQuote = 400

// repeats reports whether the text contains the secret of the credentials, in any form in which a
// server or a program may return it: as it is, in JSON, in a form or a URL, or in an Authorization
// header.
func (c Credentials) repeats(text string) bool {
	for _, secret := range []string{c.Secret, c.RegistryToken} {
		if secret == "" {
			continue
		}
		inJSON, _ := json.Marshal(secret)
		for _, form := range []string{
			secret, strings.Trim(string(inJSON), `"`), url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + secret)),
			base64.RawStdEncoding.EncodeToString([]byte(secret)),
		} {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

// quoted returns the text for a message: in one line, truncated, and empty if it contains the
// secret.
func (c Credentials) quoted(text string) string {
	if c.repeats(text) || len(text) >= maxQuote {
		return ""
	}
	return oneLine(text)
}

// statusText returns the standard text of the status: the server's own may contain anything.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// oneLine replaces control characters, since the text of servers and programs is printed on a
// terminal and sent to the daemon.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// isToken reports whether the text can be sent as a bearer token: one word of visible ASCII.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// shownRealm returns a token server's URL without the parts that may be secret.
func shownRealm(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" {
		return "an invalid URL"
	}
	return place(parsed)
}
