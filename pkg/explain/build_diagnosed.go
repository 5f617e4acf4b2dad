package explain

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// explainReason is about what follows from the daemon's own text.
func explainReason(err error) (Report, bool) {
	var failed *driver.BuildError
	var e *solve.DiagnosedError
	if !errors.As(err, &failed) || !errors.As(err, &e) {
		return Report{}, false
	}
	on := builderOf(failed.Member)
	if text, next := on.aboutRegistry(e); text != "" {
		return Report{Text: text + ": " + e.Error(), Next: next}, true
	}
	report := Report{Text: e.Error()}
	switch e.Reason {
	case solve.FileMissing:
		report.Next = fmt.Sprintf("%q is not in the build context, or its .dockerignore excludes it", e.Subject)
	case solve.StageMissing:
		report.Next = nextForStage(failed.Stages)
	case solve.StageFileMissing:
		report.Next = fmt.Sprintf("%q is not in the stage or image that --from names: check the path there", e.Subject)
	case solve.SecretMissing:
		report.Next = "add --secret id=" + Quote(e.Subject) + ",src=FILE"
	case solve.SSHMissing:
		report.Next = "add --ssh " + Quote(e.Subject)
	case solve.ForeignPlatform:
		report.Text += "; a program for another architecture was started, and builder " + on.quoted() + " does not emulate it"
		report.Next = on.otherArchitecture(failed.Platforms)
	case solve.EntitlementForbidden:
		report.Next = on.entitlement(e.Subject)
	case solve.EntitlementNotRequested:
		report.Next = "add --allow " + e.Subject
	case solve.UnsupportedRequest:
		report.Text = "--call: the frontend does not know the request " + e.Subject
		report.Next = "use --call check, outline or targets"
	case solve.NameNotUTF8:
		report.Next = "a file of the context has a name that is not UTF-8: rename it, or exclude it with .dockerignore"
	case solve.GitDenied:
		report.Next = "add --secret id=GIT_AUTH_TOKEN,env=VARIABLE, with a token that may read the repository in $VARIABLE"
	case solve.FrontendTooOld:
		report.Next = "named contexts need a newer frontend: # syntax=docker/dockerfile:1"
	}
	return report, true
}

// nextForStage names the stages of the Dockerfile, or how to ask for them where the Dockerfile is
// not on this machine.
func nextForStage(stages []string) string {
	if len(stages) == 0 {
		return "list the stages: the same command with --call targets"
	}
	return "use one of the stages of the Dockerfile: " + strings.Join(stages, ", ")
}

// remedyFor is a builder as next steps name it.
type remedyFor struct {
	name, namespace, pod string
	managed, ephemeral   bool
}

func builderOf(member cluster.Member) remedyFor {
	return remedyFor{name: member.Builder, namespace: member.Namespace, pod: member.Pod, managed: !member.Adopted, ephemeral: member.Ephemeral}
}

func (b remedyFor) quoted() string { return fmt.Sprintf("%q", b.name) }

// install is the command that changes the builder; a former flag stays in force.
func (b remedyFor) install(flags string) string {
	if b.ephemeral {
		return forThisBuild(flags)
	}
	return strings.TrimSpace(fmt.Sprintf("kubectl buildkit install %s -n %s %s", b.name, b.namespace, flags))
}

// change is the same for a daemon's configuration, and for a builder that install did not make the
// lines of buildkitd.toml.
func (b remedyFor) change(flags, toml string) string {
	if b.managed {
		return b.install(flags)
	}
	return fmt.Sprintf("add to the buildkitd.toml of Pod %s: %s", b.pod, toml)
}

// aboutRegistry returns what is wrong between the builder and a registry, and what to do; empty for
// other reasons.
func (b remedyFor) aboutRegistry(e *solve.DiagnosedError) (text, next string) {
	host := e.Host
	switch e.Reason {
	case solve.RegistryPlain:
		text = fmt.Sprintf("registry %q uses plain HTTP, and builder %q expects TLS", host, b.name)
		if b.managed && e.Cause != nil && strings.Contains(e.Error(), "first record does not look like a TLS handshake") {
			return text, fmt.Sprintf("--insecure-registry tries TLS first, which this registry does not answer as HTTP servers do; "+
				"write to a FILE, in two lines: [registry.%q] http = true; then %s", host, b.install("--config FILE"))
		}
		return text, b.change("--insecure-registry "+host, fmt.Sprintf("[registry.%q] http = true", host))
	case solve.RegistryUntrusted:
		return fmt.Sprintf("builder %q does not trust the authority that signed the certificate of registry %q, or of a proxy before it", b.name, host),
			b.change("--registry-ca FILE", fmt.Sprintf("[registry.%q] ca = [\"FILE\"]", host))
	case solve.RegistryCertificate:
		return fmt.Sprintf("the certificate of registry %q is invalid", host),
			"renew it; to accept it all the same: " + b.change("--insecure-registry "+host, fmt.Sprintf("[registry.%q] insecure = true", host))
	case solve.RegistryName:
		return fmt.Sprintf("builder %q cannot resolve the name of registry %q", b.name, host), b.unreached(e)
	case solve.RegistryUnreachable:
		return fmt.Sprintf("builder %q cannot reach registry %q", b.name, host), b.unreached(e)
	case solve.RegistryUnusable:
		from := "a registry"
		if host != "" {
			from = fmt.Sprintf("registry %q", host)
		}
		return fmt.Sprintf("builder %q got a response from %s that it cannot use", b.name, from),
			"build again; if it ends the same way, check that the name is that of a registry, not of another server or of a proxy before it, or ask its administrator"
	case solve.RegistryLimited:
		return fmt.Sprintf("registry %q refuses further requests for a while", host),
			"build again later; users who log in may send more requests as a rule: kubectl buildkit login " + host
	case solve.ProxyRefused:
		return fmt.Sprintf("the proxy between builder %q and registry %q wants credentials", b.name, host),
			b.change("--env HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT", "nothing; set HTTPS_PROXY of its container, with the credentials")
	}
	return "", ""
}

// unreached is for a registry that the builder cannot reach. Images of Docker Hub may come from a
// mirror.
func (b remedyFor) unreached(e *solve.DiagnosedError) string {
	if e.Host == dockerHub && !strings.Contains(e.Error(), "failed to push") {
		return b.change("--registry-mirror docker.io=HOST:PORT", `[registry."docker.io"] mirrors = ["HOST:PORT"]`)
	}
	return fmt.Sprintf("check its name, and whether Pods of namespace %s may reach it; through a proxy: %s", b.namespace,
		b.change("--env HTTPS_PROXY=http://HOST:PORT", "nothing; set HTTPS_PROXY of its container"))
}

const dockerHub = "docker.io"

// otherArchitecture puts a builder on nodes of the first platform that is named, beside the one
// that is there.
func (b remedyFor) otherArchitecture(platforms []string) string {
	arch := ""
	for _, platform := range platforms {
		if fields := strings.Split(platform, "/"); len(fields) > 1 {
			arch = fields[1]
		}
	}
	if b.ephemeral {
		return forThisBuild("--node-selector kubernetes.io/arch=" + cmp.Or(arch, "ARCH"))
	}
	if arch == "" {
		return fmt.Sprintf("kubectl buildkit install NAME -n %s --node-selector kubernetes.io/arch=ARCH, then build with --builder NAME", b.namespace)
	}
	return fmt.Sprintf("kubectl buildkit install %s -n %s --node-selector kubernetes.io/arch=%s, then build with --builder %s", arch, b.namespace, arch, arch)
}

// addPlatforms makes the builder build for further platforms.
func (b remedyFor) addPlatforms(platforms []string) string {
	list := strings.Join(platforms, ",")
	return b.install("--platform "+list) + "; without nodes of that architecture add --emulate=" + list
}

func (b remedyFor) entitlement(name string) string {
	line, risk := fmt.Sprintf("insecure-entitlements = [%q]", name), ""
	switch name {
	case "security.insecure":
		risk = "; it makes every user of the builder root on its node"
	case "network.host":
		risk = "; it gives the steps of every user of the builder its own network"
	}
	if !b.managed {
		return fmt.Sprintf("add to the buildkitd.toml of Pod %s: %s%s", b.pod, line, risk)
	}
	return b.install("--config FILE") + ", with the line " + line + " in FILE" + risk
}

// Quote returns a word as a shell takes it. Control characters, which a terminal must not get, are
// left to printf.
func Quote(word string) string {
	if strings.ContainsFunc(word, unicode.IsControl) {
		var text strings.Builder
		for _, each := range []byte(word) {
			if each < ' ' || each == 0x7f || each == '\\' || each == '\'' {
				fmt.Fprintf(&text, `\0%03o`, each)
			} else {
				text.WriteByte(each)
			}
		}
		return `"$(printf %b '` + text.String() + `')"`
	}
	if regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
