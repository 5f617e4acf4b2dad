package buildcontext

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/util/gitutil"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Kind is the kind of a PATH.
type Kind int

// The kinds of a PATH. Missing is neither an existing directory nor a URL.
const (
	Missing Kind = iota
	Stdin
	Directory
	Git
	URL
)

// Source is a parsed PATH. It determines what is sent, which member has its cache and what the
// provenance contains.
type Source struct {
	Typed string // as the user typed it
	Kind  Kind
	Dir   string // the absolute path of a Directory or a Missing one; else empty
	URL   string // of Git and URL, in the daemon's form; else empty
	SSH   bool   // git uses ssh
	// Identity is equal for all spellings of a source, in any working directory, and different for
	// different sources. That of a git repository depends neither on the transport nor the user nor
	// the ref.
	Identity string
}

// Classify parses a PATH, or the value of a named context. It opens nothing. As in docker, an
// existing directory takes precedence over a URL that looks the same.
func Classify(typed string, env Environment) Source {
	s := Source{Typed: typed}
	if typed == "" {
		return s
	}
	if typed == stdin {
		s.Kind, s.Identity = Stdin, stdin
		return s
	}
	dir := env.path(typed)
	ref, isGit, _ := dfgitutil.ParseGitRef(typed)
	switch {
	case safefile.IsDir(dir):
		s.Kind, s.Dir, s.Identity = Directory, dir, safefile.RealPath(dir)
	case isGit:
		s.Kind, s.URL, s.SSH, s.Identity = Git, typed, overSSH(typed), repository(typed, ref)
	case isURL(typed):
		s.Kind, s.URL, s.Identity = URL, typed, address(typed)
	default:
		s.Dir, s.Identity = dir, safefile.RealPath(dir)
	}
	return s
}

// invalid returns an error if the daemon could not download the source.
func (s Source) invalid() error {
	switch s.Kind {
	case Git:
		ref, _, err := dfgitutil.ParseGitRef(s.URL)
		if err == nil && strings.HasPrefix(ref.Ref, "-") {
			err = fmt.Errorf("invalid git ref %q: it begins with a hyphen", ref.Ref)
		}
		return err
	case URL:
		return invalidURL(s.URL)
	}
	return nil
}

func invalidURL(text string) error {
	parsed, err := url.Parse(text)
	var cause *url.Error
	switch {
	case errors.As(err, &cause):
		return fmt.Errorf("it is not a URL: %w", cause.Err)
	case err != nil:
		return err
	case parsed.Hostname() == "":
		return errors.New("it is a URL without a host")
	}
	return nil
}

// repository returns the host, the path and the subdirectory of the repository.
func repository(typed string, ref *dfgitutil.GitRef) string {
	remote, err := gitutil.ParseURL(typed)
	if err != nil { // github.com/…, without a scheme
		remote, err = gitutil.ParseURL("https://" + typed)
	}
	if err != nil || ref == nil {
		return typed
	}
	name := strings.TrimSuffix(strings.Trim(path.Clean("/"+remote.Path), "/"), ".git")
	identity := "git:" + hostOf(remote.Scheme, remote.Host) + "/" + name
	if within := strings.Trim(path.Clean("/"+ref.SubDir), "/"); within != "" {
		identity += ":" + within
	}
	return identity
}

// hostOf returns the host without the scheme's default port.
func hostOf(scheme, host string) string {
	usual := map[string]string{gitutil.HTTPProtocol: ":80", gitutil.HTTPSProtocol: ":443", gitutil.SSHProtocol: ":22", gitutil.GitProtocol: ":9418"}
	return strings.TrimSuffix(strings.ToLower(host), usual[scheme])
}

// address returns a URL without its credentials, which do not identify the source.
func address(typed string) string {
	parsed, err := url.Parse(typed)
	if err != nil {
		return typed
	}
	parsed.User, parsed.Fragment = nil, ""
	parsed.Host = hostOf(parsed.Scheme, parsed.Host)
	return parsed.String()
}

// overSSH reports whether git uses ssh for the name.
func overSSH(name string) bool {
	remote, err := gitutil.ParseURL(name)
	return err == nil && remote.Scheme == gitutil.SSHProtocol
}

func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// hasQuery reports whether a git reference has ?key=value pairs, which old frontends treat as a
// part of the path.
func hasQuery(ref string) bool {
	before, _, _ := strings.Cut(ref, "#")
	return strings.Contains(before, "?")
}
