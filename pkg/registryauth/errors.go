package registryauth

import (
	"fmt"
	"strings"
)

// ConfigError is a docker config that cannot be read. Line and Column count from
// one, and are zero if the fault has no place in the text.
type ConfigError struct {
	Path   string // the file, or the environment variable
	Line   int
	Column int
	Cause  error
}

func (e *ConfigError) Error() string {
	place := e.Path
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", e.Path, e.Line, e.Column)
	}
	return fmt.Sprintf("reading the docker config %s: %v", place, e.Cause)
}

func (e *ConfigError) Unwrap() error { return e.Cause }

// SourceError is a place of credentials that is named for a host and does not
// give them: a credential helper that is missing or fails, an entry that cannot
// be decoded. It hurts that host only.
type SourceError struct {
	Host   string
	Source string // e.g. credential helper "docker-credential-pass"
	Cause  error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("getting the credentials of registry %q from %s: %v", e.Host, e.Source, e.Cause)
}

func (e *SourceError) Unwrap() error { return e.Cause }

// DeniedError is a registry that refused. Source is where the credentials came
// from, empty if there were none; Unread is why there were none, if a source is
// named for the host but failed.
type DeniedError struct {
	Host   string
	User   string
	Source string
	Unread *SourceError
	Cause  error
}

func (e *DeniedError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "registry %q denies access: ", e.Host)
	switch {
	case e.Source != "" && e.User != "":
		fmt.Fprintf(&text, "it does not accept user %q with the credentials from %s, or the user lacks the permission", e.User, e.Source)
	case e.Source != "":
		fmt.Fprintf(&text, "it does not accept the token from %s, or the token lacks the permission", e.Source)
	case e.Unread != nil:
		fmt.Fprintf(&text, "no credentials were sent, since %v", e.Unread)
	default:
		text.WriteString("there are no credentials for it in the docker config")
	}
	return text.String()
}

func (e *DeniedError) Unwrap() error { return e.Cause }

// TokenError is a token server that could not be asked from this machine.
type TokenError struct {
	Host  string
	Realm string // the token server's URL
	Cause error
	Build error // what the daemon made of it; nil before it has said so
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("fetching a token for registry %q from %s: %v", e.Host, e.Realm, e.Cause)
}

func (e *TokenError) Unwrap() []error {
	if e.Build == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Build}
}

// LoginError is an account that the registry does not accept.
type LoginError struct {
	Host  string
	User  string
	Cause error // the registry's or the token server's answer
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("registry %q does not accept user %q with this password: %v", e.Host, e.User, e.Cause)
}

func (e *LoginError) Unwrap() error { return e.Cause }

// UnreachableError is a registry that this machine cannot ask.
type UnreachableError struct {
	Host      string
	Untrusted bool // its certificate is of an authority that nobody named
	Plain     bool // it speaks plain HTTP
	Cause     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("asking registry %q: %v", e.Host, e.Cause)
}

func (e *UnreachableError) Unwrap() error { return e.Cause }

// StoreError is a place that does not take, or give up, credentials.
type StoreError struct {
	Host     string
	Place    string // the config file, or e.g. credential helper "docker-credential-pass"
	Helper   string // the helper's program, if that is the place
	Path     string // the config file
	Removing bool
	Cause    error
}

func (e *StoreError) Error() string {
	what := "storing the credentials of registry %q in %s: %v"
	if e.Removing {
		what = "removing the credentials of registry %q from %s: %v"
	}
	return fmt.Sprintf(what, e.Host, e.Place, e.Cause)
}

func (e *StoreError) Unwrap() error { return e.Cause }
