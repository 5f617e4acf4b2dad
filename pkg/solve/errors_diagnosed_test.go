package solve

import (
	"errors"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// The texts are those of BuildKit v0.34 and of Go's HTTP client, as builds have shown them.
func TestDiagnoses(t *testing.T) {
	const (
		pull = "r.io:5000/base/busybox:1: failed to resolve source metadata for r.io:5000/base/busybox:1: failed to do request: Head \"https://r.io:5000/v2/base/busybox/manifests/1\": "
		push = "failed to push r.io:5000/ux/app:1: failed to do request: Head \"https://r.io:5000/v2/ux/app/blobs/sha256:0\": "
		hub  = "docker.io/library/alpine:latest: failed to resolve source metadata for docker.io/library/alpine:latest: failed to do request: Head \"https://registry-1.docker.io/v2/library/alpine/manifests/latest\": "
		auth = "failed to authorize: failed to fetch anonymous token: Get \"https://auth.docker.io/token?scope=repository%3Alibrary%2Falpine%3Apull\": "
	)
	for _, c := range []struct {
		text    string
		reason  Reason
		host    string
		subject string
	}{
		{pull + "http: server gave HTTP response to HTTPS client", RegistryPlain, "r.io:5000", ""},
		{push + "http: server gave HTTP response to HTTPS client", RegistryPlain, "r.io:5000", ""},
		{push + "tls: failed to verify certificate: x509: certificate signed by unknown authority", RegistryUntrusted, "r.io:5000", ""},
		{push + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2025-01-01T00:00:00Z", RegistryCertificate, "r.io:5000", ""},
		{pull + "tls: failed to verify certificate: x509: certificate is valid for a.io, not r.io", RegistryCertificate, "r.io:5000", ""},
		{hub + "dial tcp: lookup registry-1.docker.io on 10.96.0.10:53: no such host", RegistryName, "docker.io", ""},
		{hub + "dial tcp: lookup registry-1.docker.io: Temporary failure in name resolution", RegistryName, "docker.io", ""},
		{hub + "dial tcp: lookup registry-1.docker.io on 10.96.0.10:53: read udp 10.0.0.3:3->10.96.0.10:53: i/o timeout", RegistryName, "docker.io", ""},
		{hub + "dial tcp 54.1.2.3:443: i/o timeout", RegistryUnreachable, "docker.io", ""},
		{auth + "dial tcp 54.1.2.3:443: connect: no route to host", RegistryUnreachable, "docker.io", ""},
		{push + "dial tcp 10.0.0.9:5000: connect: connection refused", RegistryUnreachable, "r.io:5000", ""},
		{push + "EOF", RegistryUnreachable, "r.io:5000", ""},
		{push + "write tcp 10.0.0.1:5->10.0.0.9:5000: write: connection reset by peer", RegistryUnreachable, "r.io:5000", ""},
		{push + "net/http: TLS handshake timeout", RegistryUnreachable, "r.io:5000", ""},
		{pull + "proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused", RegistryUnreachable, "r.io:5000", ""},
		{pull + "Proxy Authentication Required", ProxyRefused, "r.io:5000", ""},
		{"docker.io/library/busybox:1: failed to resolve source metadata for docker.io/library/busybox:1: failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/busybox/manifests/sha256:0: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.", RegistryLimited, "docker.io", ""},
		{"failed to push r.io:5000/ux/app:1: unexpected status from HEAD request to http://r.io:5000/v2/ux/app/blobs/sha256:0: 429 Too Many Requests", RegistryLimited, "r.io:5000", ""},
		{push + "stopped after 10 redirects", RegistryUnusable, "r.io:5000", ""},
		{"failed to push r.io:5000/ux/app:1: failed to copy: failed to do request: Put \"https:?digest=sha256%3A0&ns=r.io%3A5000\": http: no Host in request URL", RegistryUnusable, "r.io:5000", ""},
		{"failed to push r.io:5000/ux/app:1: unexpected status from HEAD request to http://r.io:5000/v2/ux/app/blobs/sha256:0: 503 Service Unavailable", RegistryUnusable, "r.io:5000", ""},
		{"failed to push r.io:5000/ux/app:1: unexpected status from HEAD request to http://r.io:5000/v2/ux/app/blobs/sha256:0: 403 Forbidden", "", "", ""},
		{"r.io:5000/a:1: failed to resolve source metadata for r.io:5000/a:1: encountered unknown type text/html; children may not be fetched", RegistryUnusable, "r.io:5000", ""},
		{"r.io:5000/a:1: failed to resolve source metadata for r.io:5000/a:1: rejecting 104857600 byte manifest for r.io:5000/a:1: not found", RegistryUnusable, "r.io:5000", ""},
		{"r.io:5000/a:1: failed to resolve source metadata for r.io:5000/a:1: unexpected end of JSON input", RegistryUnusable, "r.io:5000", ""},
		{"failed to compute cache key: failed commit on ref \"layer-sha256:c8\": unexpected commit digest sha256:bb, expected sha256:c8: failed precondition", RegistryUnusable, "", ""},
		{"failed to copy: failed commit on ref \"layer-sha256:c8\": unexpected commit size 5, expected 9: failed precondition", RegistryUnusable, "", ""},
		{"failed to load the file: unexpected end of JSON input", "", "", ""}, // no registry
		{"failed to configure registry cache importer: failed to do request: Head \"https://c.io/v2/c/manifests/1\": dial tcp: lookup c.io: no such host", RegistryName, "c.io", ""},
		{"failed to do request: Head \"https://$(id)/v2/c/manifests/1\": dial tcp: lookup c.io: no such host", "", "", ""},
		{"Get \"https://example.com/file\": dial tcp: lookup example.com: no such host", "", "", ""}, // no registry
		{"failed to compute cache key: failed to calculate checksum of ref i9if::8vj6: \"/no such\": not found", FileMissing, "", "/no such"},
		{"failed to load cache key: git stderr:\nfatal: could not read Username for 'https://g.io': terminal prompts disabled\n: exit status 128", GitDenied, "", "https://g.io"},
		{"git stderr:\nremote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://g.io/a.git/'\n: exit status 128", GitDenied, "", "https://g.io/a.git/"},
		{"git stderr:\nfatal: unable to access 'https://g.io/a.git/': The requested URL returned error: 403\n: exit status 128", GitDenied, "", "https://g.io/a.git/"},
		{"git stderr:\nremote: Repository not found.\nfatal: repository 'https://g.io/a.git/' not found\n: exit status 128", GitDenied, "", "https://g.io/a.git/"},
		{"git stderr:\nfatal: unable to access 'https://g.io/a.git/': The requested URL returned error: 500\n: exit status 128", "", "", ""},
		{"dockerfile.v0: target stage \"bulid\" could not be found (did you mean build?)", StageMissing, "", "bulid"},
		{"secret npm: not found", SecretMissing, "", "npm"},
		{"no SSH key \"default\" forwarded from the client", SSHMissing, "", "default"},
		{"failed to create: unset ssh forward key k", SSHMissing, "", "k"},
		{"granting entitlement network.host is not allowed by build daemon configuration", EntitlementForbidden, "", "network.host"},
		{"failed to load LLB: security.insecure is not allowed", EntitlementNotRequested, "", "security.insecure"},
		{"unsupported request frontend.foo: unsupported request frontend.foo", UnsupportedRequest, "", "frontend.foo"},
		{"process \"/bin/sh -c x\" did not complete successfully: exec /bin/sh: exec format error", ForeignPlatform, "", ""},
		{"r.io/a:1: not found", "", "", ""},
	} {
		var found *DiagnosedError
		errors.As(diagnose(&BuildError{Cause: errors.New("failed to solve: " + c.text)}, newSteps()), &found)
		if found == nil {
			found = &DiagnosedError{}
		}
		if found.Reason != c.reason || found.Host != c.host || found.Subject != c.subject {
			t.Errorf("%s\nis %q about %q of %q, want %q about %q of %q", c.text, found.Reason, found.Subject, found.Host, c.reason, c.subject, c.host)
		}
	}
}

// The words of a step's own program, and of its command, are no reason.
func TestDiagnosisLeavesStepsAlone(t *testing.T) {
	words := errors.New(`process "/bin/sh -c echo 'failed to push r.io/a: server gave HTTP response to HTTPS client'" did not complete successfully: exit code: 1`)
	var found *DiagnosedError
	for _, code := range []int{1, -1} {
		if err := diagnose(&FailedStepError{Step: "[2/2] RUN x", ExitCode: code, Cause: words}, newSteps()); errors.As(err, &found) {
			t.Errorf("diagnosed as %q", found.Reason)
		}
	}
}

func TestDiagnosisOfAStep(t *testing.T) {
	missing := errors.New(`failed to calculate checksum of ref a::b: "/x": not found`)
	var found *DiagnosedError
	err := diagnose(&FailedStepError{Step: "[2/2] COPY --from=build /x /", ExitCode: -1, Cause: missing}, newSteps())
	if !errors.As(err, &found) || found.Reason != StageFileMissing || found.Subject != "/x" {
		t.Errorf("got %#v", err)
	}
	heard := newSteps()
	vertex := digest.FromString("step")
	heard.record(&client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: vertex, Name: "[2/2] RUN x"}},
		Logs:     []*client.VertexLog{{Vertex: vertex, Data: []byte("exec /bin/sh: exec format error\n")}},
	})
	failed := &FailedStepError{Step: "[2/2] RUN x", ExitCode: 255, Cause: errors.New("exit code: 255")}
	if err := diagnose(failed, heard); !errors.As(err, &found) || found.Reason != ForeignPlatform {
		t.Errorf("got %#v", err)
	}
	if err := diagnose(failed, newSteps()); errors.Is(err, found) {
		t.Errorf("got %#v", err)
	}
}
