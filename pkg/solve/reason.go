package solve

import (
	"errors"
	"regexp"
	"strings"

	"github.com/distribution/reference"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// Reason is why a build failed, where the daemon's text says it well enough for a next step.
type Reason string

// The reasons about a registry; Host and Reference of the error say which.
const (
	RegistryPlain       Reason = "plain HTTP"          // it speaks plain HTTP where TLS is expected
	RegistryUntrusted   Reason = "unknown authority"   // its certificate is of an authority that the builder does not trust
	RegistryCertificate Reason = "invalid certificate" // its certificate has expired, or is another host's
	RegistryName        Reason = "unknown host"        // its name cannot be resolved
	RegistryUnreachable Reason = "unreachable"         // no connection to it, or no answer
	ProxyRefused        Reason = "proxy refused"       // a proxy between builder and registry wants credentials
)

// The reasons about what the build was given; Subject of the error names it.
const (
	FileMissing        Reason = "file missing"        // Subject is the path of a COPY or ADD
	StageMissing       Reason = "stage missing"       // Subject is the value of --target
	StageFileMissing   Reason = "stage file missing"  // the same of COPY --from
	SecretMissing      Reason = "secret missing"      // Subject is its id
	SSHMissing         Reason = "ssh missing"         // Subject is its id
	PlatformNotRun     Reason = "platform not run"    // a program of another architecture was started
	EntitlementLocked  Reason = "entitlement locked"  // the daemon's configuration does not allow Subject
	EntitlementUnasked Reason = "entitlement unasked" // the build did not ask for Subject
	UnknownCall        Reason = "unknown call"        // the frontend does not know the request Subject
	NameNotUTF8        Reason = "name not UTF-8"      // a file of the context has such a name
	FrontendTooOld     Reason = "frontend too old"    // it knows no named contexts
	GitDenied          Reason = "git denied"          // the server of the repository Subject wants credentials, or other ones
)

// DiagnosedError is a build that failed for a known reason.
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
	switch e.Reason {
	case RegistryPlain, RegistryUntrusted, RegistryCertificate, RegistryName, RegistryUnreachable, ProxyRefused:
		return fault.Unavailable
	}
	return fault.Failed
}

// diagnosis is one row of the table: a text that contains all words, and matches the pattern if there is one, whose
// first group is the subject.
type diagnosis struct {
	reason   Reason
	words    []string
	pattern  string
	registry bool // the text must be about a request to a registry
}

// diagnoses is the only table of what the daemon's texts mean. The first row that fits is the reason.
func diagnoses() []diagnosis {
	const digest = `failed to calculate checksum of ref \S+: `
	return []diagnosis{
		{reason: EntitlementLocked, pattern: `granting entitlement (\S+) is not allowed by build daemon configuration`},
		{reason: EntitlementUnasked, pattern: `(network\.host|security\.insecure) is not allowed`},
		{reason: PlatformNotRun, words: []string{foreignProgram}},
		{reason: UnknownCall, pattern: `unsupported request (frontend\.[\w.-]+)`},
		{reason: NameNotUTF8, words: []string{"contains invalid UTF-8"}},
		{reason: FrontendTooOld, words: []string{"frontend capability moby.buildkit.frontend.contexts"}},
		{reason: GitDenied, pattern: `fatal: (?:could not read (?:Username|Password) for|Authentication failed for) '([^']*)'`},
		{reason: GitDenied, pattern: `unable to access '([^']*)': The requested URL returned error: 40[13]`},
		{reason: GitDenied, pattern: `fatal: repository '(https?://[^']*)' not found`},
		{reason: SecretMissing, pattern: `(?:^|: )secret (\S+): not found`},
		{reason: SSHMissing, pattern: `no SSH key "([^"]*)" forwarded from the client`},
		{reason: SSHMissing, pattern: `unset ssh forward key (\S+)`},
		{reason: StageMissing, pattern: `target stage "([^"]*)" could not be found`},
		{reason: FileMissing, pattern: digest + `"([^"]*)": not found`},
		{reason: FileMissing, pattern: digest + `lstat (\S+): no such file or directory`},
		{reason: ProxyRefused, words: []string{"Proxy Authentication Required"}, registry: true},
		{reason: ProxyRefused, words: []string{"407 Proxy Auth"}, registry: true},
		{reason: RegistryPlain, words: []string{"server gave HTTP response to HTTPS client"}, registry: true},
		{reason: RegistryPlain, words: []string{"first record does not look like a TLS handshake"}, registry: true},
		{reason: RegistryUntrusted, words: []string{"certificate signed by unknown authority"}, registry: true},
		{reason: RegistryUntrusted, words: []string{"certificate is not trusted"}, registry: true},
		{reason: RegistryCertificate, words: []string{"x509: "}, registry: true},
		{reason: RegistryCertificate, words: []string{"tls: failed to verify certificate"}, registry: true},
		{reason: RegistryName, pattern: `lookup \S+(?: on \S+)?: `, registry: true},
		{reason: RegistryName, words: []string{"Temporary failure in name resolution"}, registry: true},
		{reason: RegistryUnreachable, pattern: `(?:dial|proxyconnect) tcp`, registry: true},
		{reason: RegistryUnreachable, pattern: `(?:TLS handshake timeout|no route to host|network is unreachable|connection refused|connection timed out|i/o timeout)`, registry: true},
		{reason: RegistryUnreachable, words: []string{"Client.Timeout exceeded"}, registry: true},
		{reason: RegistryUnreachable, pattern: `(?:connection reset by peer|broken pipe|server closed idle connection|EOF$)`, registry: true},
	}
}

// diagnose wraps an error of a known reason; any other error is returned as it is. The output of a step's own program
// is never looked at: it may hold any words.
func diagnose(err error, steps *steps) error {
	var step *FailedStepError
	text := err.Error()
	if errors.As(err, &step) {
		if step.ExitCode >= 0 {
			if steps.ranForeignProgram(step.Step) {
				return &DiagnosedError{Reason: PlatformNotRun, Cause: err}
			}
			return err
		}
		text = ofDaemon(plain(step.Cause))
	}
	host, named := registryOf(text)
	for _, row := range diagnoses() {
		if row.registry && host == "" {
			continue
		}
		subject, fits := row.fits(text)
		if !fits {
			continue
		}
		found := &DiagnosedError{Reason: row.reason, Subject: subject, Cause: err}
		if row.registry {
			found.Host, found.Reference = host, named
		}
		if row.reason == FileMissing && step != nil && strings.Contains(step.Step, "--from=") {
			found.Reason = StageFileMissing
		}
		return found
	}
	return err
}

func (d diagnosis) fits(text string) (subject string, fits bool) {
	for _, words := range d.words {
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

// registryOf finds the registry that a text is about: the one of the image it names, else the host of a request to a
// registry's API. It is empty for a text about anything else.
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
