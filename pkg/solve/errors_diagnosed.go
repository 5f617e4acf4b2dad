package solve

import (
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/solver/errdefs"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// Reason is a known reason of a failed build, for which there is a next step.
type Reason string

// The reasons about a registry; the error has its Host and Reference.
const (
	RegistryPlain       Reason = "plain HTTP"          // it speaks plain HTTP where TLS is expected
	RegistryUntrusted   Reason = "unknown authority"   // the builder does not trust the authority of its certificate
	RegistryCertificate Reason = "invalid certificate" // its certificate has expired, or is another host's
	RegistryName        Reason = "unknown host"        // its name cannot be resolved
	RegistryUnreachable Reason = "unreachable"         // no connection to it, or no response
	RegistryUnusable    Reason = "unusable response"   // it sends what no registry sends, or reports a failure of its own
	RegistryLimited     Reason = "too many requests"   // it takes no more of them for a while
	ProxyRefused        Reason = "proxy refused"       // a proxy between builder and registry requires credentials
)

// The reasons about the input of the build, which is the Subject of the error.
const (
	FileMissing             Reason = "file missing"        // Subject is the path of a COPY or ADD
	StageMissing            Reason = "stage missing"       // Subject is the value of --target
	StageFileMissing        Reason = "stage file missing"  // the same of COPY --from
	SecretMissing           Reason = "secret missing"      // Subject is its id
	SSHMissing              Reason = "ssh missing"         // Subject is its id
	ForeignPlatform         Reason = "platform not run"    // a step ran a program of another architecture
	EntitlementForbidden    Reason = "entitlement locked"  // the daemon's configuration does not allow Subject
	EntitlementNotRequested Reason = "entitlement unasked" // the build did not request the entitlement Subject
	UnsupportedRequest      Reason = "unknown call"        // the frontend does not support the request Subject
	NameNotUTF8             Reason = "name not UTF-8"      // a file of the context has such a name
	FrontendTooOld          Reason = "frontend too old"    // it does not support named contexts
	GitDenied               Reason = "git denied"          // the server of the repository Subject requires credentials, or rejected them
)

// DiagnosedError is returned when a build failed for a known reason.
type DiagnosedError struct {
	Reason    Reason
	Subject   string // what it is about; may be empty
	Host      string // of the registry, as references name it, e.g. "docker.io"; may be empty
	Reference string // of the image that was pulled or pushed; may be empty
	Cause     error  // a type of this package
}

func (e *DiagnosedError) Error() string { return e.Cause.Error() }

func (e *DiagnosedError) Unwrap() error { return e.Cause }

// Class returns fault.Unavailable where the builder cannot use the registry, else fault.Failed.
func (e *DiagnosedError) Class() fault.Class {
	if e.Reason.aboutRegistry() {
		return fault.Unavailable
	}
	return fault.Failed
}

// aboutRegistry reports whether the builder cannot use a registry.
func (r Reason) aboutRegistry() bool {
	switch r {
	case RegistryPlain, RegistryUntrusted, RegistryCertificate, RegistryName, RegistryUnreachable, RegistryUnusable, RegistryLimited, ProxyRefused:
		return true
	}
	return false
}

// diagnosis is one row of the table: it matches a text that contains all of the strings, and
// matches the pattern if there is one. The pattern's first group is the subject.
type diagnosis struct {
	reason   Reason
	contains []string
	pattern  string
	registry bool // the text must be about a request to a registry
}

// diagnoses returns the only table of the daemon's messages. The first row that matches has the
// reason.
func diagnoses() []diagnosis {
	const digest = `failed to calculate checksum of ref \S+: `
	return []diagnosis{
		{reason: EntitlementForbidden, pattern: `granting entitlement (\S+) is not allowed by build daemon configuration`},
		{reason: EntitlementNotRequested, pattern: `(network\.host|security\.insecure) is not allowed`},
		{reason: ForeignPlatform, contains: []string{foreignProgram}},
		{reason: UnsupportedRequest, pattern: `unsupported request (frontend\.[\w.-]+)`},
		{reason: NameNotUTF8, contains: []string{"contains invalid UTF-8"}},
		{reason: FrontendTooOld, contains: []string{"frontend capability moby.buildkit.frontend.contexts"}},
		{reason: GitDenied, pattern: `fatal: (?:could not read (?:Username|Password) for|Authentication failed for) '([^']*)'`},
		{reason: GitDenied, pattern: `unable to access '([^']*)': The requested URL returned error: 40[13]`},
		{reason: GitDenied, pattern: `fatal: repository '(https?://[^']*)' not found`},
		{reason: SecretMissing, pattern: `(?:^|: )secret (\S+): not found`},
		{reason: SSHMissing, pattern: `no SSH key "([^"]*)" forwarded from the client`},
		{reason: SSHMissing, pattern: `unset ssh forward key (\S+)`},
		{reason: StageMissing, pattern: `target stage "([^"]*)" could not be found`},
		{reason: FileMissing, pattern: digest + `"([^"]*)": not found`},
		{reason: FileMissing, pattern: digest + `lstat (\S+): no such file or directory`},
		{reason: ProxyRefused, contains: []string{"Proxy Authentication Required"}, registry: true},
		{reason: ProxyRefused, contains: []string{"407 Proxy Auth"}, registry: true},
		{reason: RegistryPlain, contains: []string{"server gave HTTP response to HTTPS client"}, registry: true},
		{reason: RegistryPlain, contains: []string{"first record does not look like a TLS handshake"}, registry: true},
		{reason: RegistryUntrusted, contains: []string{"certificate signed by unknown authority"}, registry: true},
		{reason: RegistryUntrusted, contains: []string{"certificate is not trusted"}, registry: true},
		{reason: RegistryCertificate, contains: []string{"x509: "}, registry: true},
		{reason: RegistryCertificate, contains: []string{"tls: failed to verify certificate"}, registry: true},
		{reason: RegistryName, pattern: `lookup \S+(?: on \S+)?: `, registry: true},
		{reason: RegistryName, contains: []string{"Temporary failure in name resolution"}, registry: true},
		{reason: RegistryUnreachable, pattern: `(?:dial|proxyconnect) tcp`, registry: true},
		{reason: RegistryUnreachable, pattern: `(?:TLS handshake timeout|no route to host|network is unreachable|connection refused|connection timed out|i/o timeout)`, registry: true},
		{reason: RegistryUnreachable, contains: []string{"Client.Timeout exceeded"}, registry: true},
		{reason: RegistryUnreachable, pattern: `(?:connection reset by peer|broken pipe|server closed idle connection|EOF$)`, registry: true},
		{reason: RegistryLimited, pattern: `(?:429 Too Many Requests|toomanyrequests: )`, registry: true},
		{reason: RegistryUnusable, pattern: `(?:unexpected status from [A-Z]+ request to \S+: 5\d\d|stopped after \d+ redirects|no Host in request URL)`, registry: true},
		{reason: RegistryUnusable, pattern: `(?:encountered unknown type|rejecting \d+ byte manifest|unexpected end of JSON input|invalid character)`, registry: true},
		{reason: RegistryUnusable, contains: []string{"failed commit on ref", "unexpected commit digest"}},
		{reason: RegistryUnusable, contains: []string{"failed commit on ref", "unexpected commit size"}},
	}
}

// diagnose wraps an error that has a known reason; any other error is returned as it is. The output
// of a step's program is never searched: it may contain any text.
func diagnose(err error, steps *steps) error {
	var step *FailedStepError
	text := err.Error()
	if errors.As(err, &step) {
		if step.ExitCode >= 0 {
			if steps.ranForeignProgram(step.Step) {
				return &DiagnosedError{Reason: ForeignPlatform, Cause: err}
			}
			return err
		}
		text = withoutCommandLine(trimPrefixes(step.Cause))
	}
	host, named := registryOf(text)
	for _, row := range diagnoses() {
		if row.registry && host == "" {
			continue
		}
		subject, fits := row.matches(text)
		if !fits {
			continue
		}
		found := &DiagnosedError{Reason: row.reason, Subject: subject, Cause: err}
		if row.reason.aboutRegistry() {
			found.Host, found.Reference = host, named
		}
		if row.reason == FileMissing && step != nil && strings.Contains(step.Step, "--from=") {
			found.Reason = StageFileMissing
		}
		return found
	}
	return err
}

func (d diagnosis) matches(text string) (subject string, fits bool) {
	for _, words := range d.contains {
		if !strings.Contains(text, words) {
			return "", false
		}
	}
	if d.pattern == "" {
		return "", true
	}
	match := regexp.MustCompile(d.pattern).FindStringSubmatch(text)
	if len(match) > 1 {
		subject = match[1]
	}
	return subject, match != nil
}

// registryOf returns the registry that a message is about: that of the image in it, else the host
// of a request to a registry's API. It is empty for any other message.
func registryOf(text string) (host, named string) {
	image := regexp.MustCompile(`(?:failed to resolve source metadata for|failed to push) ([^\s"]+?)(?::? |:?$)`).FindStringSubmatch(text)
	if image != nil {
		if parsed, err := reference.ParseNormalizedNamed(image[1]); err == nil {
			return reference.Domain(parsed), reference.FamiliarString(parsed)
		}
	}
	request := regexp.MustCompile(`https?://([^/\s"]+)/(?:v2/|token\b)`).FindStringSubmatch(text)
	if request == nil {
		return "", ""
	}
	if request[1] == "docker.io" || strings.HasSuffix(request[1], ".docker.io") {
		return "docker.io", ""
	}
	// A next step names the host in a command, so it must be one.
	if !regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`).MatchString(request[1]) {
		return "", ""
	}
	return request[1], ""
}

// PrintSources writes the lines of the Dockerfile that err is about, if there are
// any. They have several lines, for a writer that escapes them.
func PrintSources(w io.Writer, err error) error {
	for _, source := range errdefs.Sources(err) {
		if source.Info != nil {
			source.Info = source.Info.CloneVT()
			source.Info.Filename = escape.Line(source.Info.Filename)
		}
		if err := source.Print(w); err != nil {
			return err
		}
	}
	return nil
}
