package registryauth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// ConfigError is returned when a docker config cannot be read. Line and Column count
// from one; they are zero if the fault has no position in the text.
type ConfigError struct {
	Path   string // the file, the environment variable, or the Secret
	Line   int
	Column int
	Field  string // the only field that is not used; empty if it is the whole config
	Used   bool   // the rest is used
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

// Class returns fault.Usage.
func (*ConfigError) Class() fault.Class { return fault.Usage }

// SourceError is returned when the source of a host's credentials does not provide
// them: a credential helper that is missing, fails or has none, a config or an entry
// that cannot be decoded. It affects that host only.
type SourceError struct {
	Host   string
	Source string // e.g. credential helper "docker-credential-pass"
	Origin Origin
	Helper string // the helper's name in the config, e.g. "pass"; empty for other sources
	Cause  error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("getting the credentials of registry %q from %s: %v", e.Host, e.Source, e.Cause)
}

func (e *SourceError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*SourceError) Class() fault.Class { return fault.Failed }

// None reports whether the helper works and has no credentials for the host, without another
// message.
func (e *SourceError) None() bool {
	var none *notKeptError
	return errors.As(e.Cause, &none) && none.complaint == ""
}

// DeniedError is returned when a registry denies access. Source is the source of the
// credentials, empty if there were none; Unread is the error of the host's source, if
// that is why there were none.
type DeniedError struct {
	Host     string
	User     string
	Source   string
	Origin   Origin
	Helper   string        // the helper's name in the config, if it is from one
	Path     string        // of the repositories that the credentials are for; empty if for the whole registry
	Refused  []Credentials // that were tried before these, without their secrets
	Unread   *SourceError
	Withheld bool // --registry-auth does not name the host
	Cause    error
}

func (e *DeniedError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "registry %q denies access: ", e.Host)
	switch {
	case e.Source != "" && e.User != "":
		fmt.Fprintf(&text, "it does not accept user %q with the credentials from %s, or the user lacks the permission", e.User, e.Source)
	case e.Source != "":
		fmt.Fprintf(&text, "it does not accept the token from %s, or the token lacks the permission", e.Source)
	case e.Withheld:
		text.WriteString("its credentials are not provided to this build")
	case e.Unread != nil && isNotKept(e.Unread.Cause):
		fmt.Fprintf(&text, "no credentials were sent: %s returned an error: %v", e.Unread.Source, e.Unread.Cause)
	case e.Unread != nil:
		fmt.Fprintf(&text, "no credentials were sent: %v", e.Unread)
	default:
		text.WriteString("there are no credentials for it in the docker config")
	}
	for _, each := range e.Refused {
		fmt.Fprintf(&text, "; nor %s", each.described())
	}
	return text.String()
}

func (e *DeniedError) Unwrap() error { return e.Cause }

// Class returns fault.Denied.
func (*DeniedError) Class() fault.Class { return fault.Denied }

// described returns user and source.
func (c Credentials) described() string {
	if c.Username == "" {
		return "the token from " + c.Source
	}
	return fmt.Sprintf("user %q with the credentials from %s", c.Username, c.Source)
}

// TokenError is returned when this machine could not fetch a token.
type TokenError struct {
	Host  string
	Realm string // the token server's URL
	Proxy string // the proxy the request went through, without its password; empty for none
	Cause error
	Build error // the daemon's error; nil before it has reported one
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

// Class returns fault.Denied.
func (*TokenError) Class() fault.Class { return fault.Denied }

// LoginError is returned when the registry does not accept the account.
type LoginError struct {
	Host    string
	User    string
	Unasked bool  // the registry did not ask for a password
	Cause   error // the registry's or the token server's response
}

func (e *LoginError) Error() string {
	if e.Unasked {
		return fmt.Sprintf("registry %q denies access, and asks for no password: %v", e.Host, e.Cause)
	}
	return fmt.Sprintf("registry %q does not accept user %q with this password: %v", e.Host, e.User, e.Cause)
}

func (e *LoginError) Unwrap() error { return e.Cause }

// Class returns fault.Denied.
func (*LoginError) Class() fault.Class { return fault.Denied }

// UnreachableError is returned when this machine cannot connect to the registry.
type UnreachableError struct {
	Host      string
	Untrusted bool   // its certificate is of an unknown authority
	Plain     bool   // it speaks plain HTTP
	Proxy     string // the proxy the request went through, without its password; empty for none
	Cause     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("connecting to registry %q: %v", e.Host, e.Cause)
}

func (e *UnreachableError) Unwrap() error { return e.Cause }

// Class returns fault.Failed.
func (*UnreachableError) Class() fault.Class { return fault.Failed }

// StoreError is returned when credentials cannot be stored or removed.
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

// Class returns fault.Failed.
func (*StoreError) Class() fault.Class { return fault.Failed }
