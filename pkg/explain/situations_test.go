package explain

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imagetags"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// situation is an error as the packages return it, and what its reader gets.
type situation struct {
	err    error
	text   string // a part of the error line; "" is none
	next   string // a part of the next step; "" is none
	code   int
	blanks string // the placeholders of a next step that only the reader can fill in
}

// situations has a row for every error that a package returns; see TestEveryErrorHasARow.
func situations() []situation {
	return slices.Concat(clusterSituations(), apiServerSituations(), causedSituations(), installSituations(), ephemeralSituations(), familySituations(), usageSituations(), registrySituations(), publishingSituations(), buildSituations(), reasonSituations())
}

func clusterSituations() []situation {
	denied := func(pod, by, resource, user string) *tunnel.ForbiddenError {
		return &tunnel.ForbiddenError{
			Namespace: "ns", Pod: pod, Builder: by, Verb: "create", Resource: resource,
			Err: errors.New(`pods "x" is forbidden: User "` + user + `" cannot create resource "pods/portforward"`),
		}
	}
	return []situation{
		{&driver.KubeconfigError{Err: errors.New("no such file")}, "reading the kubeconfig", "kubectl config get-contexts", CodeUsage, ""},
		{&cluster.NotFoundError{Name: "n", Namespace: "ns"}, `no builder "n" in namespace "ns"`, "kubectl buildkit list -A", CodeNoBuilder, ""},
		{&cluster.NotFoundError{Name: "n", Namespace: "ns", Others: []string{"o"}}, "there are: o", "kubectl buildkit install n -n ns", CodeNoBuilder, ""},
		{&cluster.NotFoundError{Name: "teem", Namespace: "ns", Others: []string{"other", "team"}}, "there are: other, team", "did you mean team? To install another: kubectl buildkit install teem -n ns", CodeNoBuilder, ""},
		{&kube.NamespaceNotFoundError{Namespace: "ns"}, `"ns"`, "kubectl create namespace ns", CodeNoBuilder, ""},
		{&cluster.NotReadyError{Name: "n", Namespace: "ns", Pod: "n", Reason: "ErrImagePull"}, "is not ready", "n -n ns", CodeNoBuilder, ""},
		{&cluster.NotReadyError{Name: "n", Namespace: "ns", Pod: "n", Reason: cluster.ReasonNodeLost}, "is not ready", "kubectl buildkit install n -n ns --force", CodeNoBuilder, ""},
		{&cluster.NodeLostError{Name: "n", Namespace: "ns", Pod: "n", Node: "node-1"}, "node-1", "--force", CodeNoBuilder, ""},
		{&cluster.TerminatingError{Name: "n", Namespace: "ns", Pod: "n"}, "terminating", "kubectl wait pod/n -n ns --for=delete", CodeNoBuilder, ""},
		{&cluster.ExpiredError{Name: "n", Namespace: "ns", Err: errors.New("ended")}, "ended", "kubectl buildkit install n -n ns", CodeNoBuilder, ""},
		{&cluster.NotFoundError{Name: "teem", Namespace: "ns", Others: []string{"team"}, Unwanted: true}, "there are: team", "kubectl buildkit list -A", CodeNoBuilder, ""},
		{&kube.UnreachableError{Host: "https://h", Err: errors.New("tls: x509: certificate signed by unknown authority")}, "does not answer", "kubectl config view --minify", CodeNoBuilder, ""},
		{&kube.UnreachableError{Host: "https://h", Err: errors.New("refused")}, "does not answer", "kubectl version", CodeNoBuilder, ""},
		{&kube.ServerError{Request: "list Pods", Code: 503, Err: errors.New("later")}, "asking the cluster to list Pods: later", "run the command again", CodeNoBuilder, ""},
		{&install.IncompleteError{Remaining: []kube.Reference{{Kind: "Pod", Name: "n"}}, Err: &kube.UnreachableError{Host: "https://h", Err: errors.New("refused")}},
			"may still be there: [Pod/n]", "kubectl version; then run the command again, which goes on from there", CodeNoBuilder, ""},
		{&install.IncompleteError{Removed: []kube.Reference{{Kind: "Pod", Name: "n"}}, Err: &kube.ServerError{Request: "list Pods", Code: 502, Err: errors.New("x")}},
			"everything this install made was removed again", "run the command again", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n", Reason: "Unassigned"}, "does not start", "with --scheduler, or leave it out", CodeNoBuilder, ""},
		{&cluster.NotReadyError{Name: "n", Namespace: "ns", Pod: "n", Reason: "Unassigned"}, "is not ready", "kubectl buildkit install n -n ns --unset scheduler", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n", Reason: cluster.ReasonNoUserNamespace}, "does not start", "kubectl buildkit install n -n ns --mode rootless, or use nodes with", CodeNoBuilder, ""},
		{&cluster.NotReadyError{Name: "n", Namespace: "ns", Pod: "n", Reason: cluster.ReasonNoUserNamespace}, "is not ready", "kubectl buildkit install n -n ns --mode rootless, or use nodes with", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n", Reason: cluster.ReasonNoStepNetwork}, "does not start", "kubectl buildkit install n -n ns --step-network host", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n", Reason: "Unschedulable"}, "does not start", "--node-selector", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n", Reason: "ErrImagePull"}, "does not start", "--image-pull-secret", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n-2", Reason: "CrashLoopBackOff", RolledBack: true}, `member "n-2" of builder "n"`, "kubectl buildkit info n -n ns", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n-2", Reason: "CrashLoopBackOff", RolledBack: true, Grown: "2Gi"}, "but for the volumes, which keep 2Gi", "kubectl buildkit info n -n ns", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n-0", Reason: "CrashLoopBackOff", RolledBack: true, CacheLost: true}, "the cache of each Pod that was replaced is lost", "kubectl buildkit info n -n ns", CodeNoBuilder, ""},
		{&install.StartError{Name: "n", Namespace: "ns", Pod: "n-2", Reason: "Timeout", RollBack: &install.SupersededError{Name: "n", Namespace: "ns"}}, "rolling back: another install has changed", "kubectl buildkit install n -n ns", CodeNoBuilder, ""},
		{&install.ForeignError{Kind: "Pod", Name: "n", Namespace: "ns", Builder: "n"}, `Pod "n" in namespace "ns" was not installed`, "kubectl buildkit install n-2 -n ns; see whose it is: kubectl get pod n -n ns -o yaml; builds can use it: --builder n", CodeUsage, ""},
		{&install.ForeignError{Kind: "Secret", Name: "n-server", Namespace: "ns", Builder: "n"}, `as a part of builder "n"`, "kubectl buildkit install n-2 -n ns; see whose it is: kubectl get secret n-server -n ns -o yaml", CodeUsage, ""},
		{&install.ForeignError{Kind: "Pod", Name: "n", Namespace: "ns", Builder: "n", Unwanted: true}, "is left alone", "kubectl buildkit list -n ns", CodeUsage, ""},
		{&kube.ForbiddenError{User: "jane", Verb: "list", Resource: "pods", Namespace: "ns"}, `user "jane" may not list pods`, "kubectl auth can-i list pods -n ns", CodeDenied, ""},
		{&kube.ForbiddenError{User: "jane", Verb: "list", Resource: "pods"}, "may not list pods", "kubectl auth can-i list pods -A", CodeDenied, ""},
		{&kube.ForbiddenError{User: "jane@example.com", Verb: "get", Resource: "secrets", Name: "n-client", Namespace: "ns"}, "secrets",
			"kubectl create rolebinding n-user-jane-example.com -n ns --role n-user --user jane@example.com", CodeDenied, ""},
		{&kube.ForbiddenError{User: "system:serviceaccount:ci:bot", Verb: "get", Resource: "secrets", Name: "n-client", Namespace: "ns"}, "secrets",
			"--role n-user --serviceaccount ci:bot", CodeDenied, ""},
		{denied("n-0", "n", "pods/portforward", "oidc:Jane Doe"), "not permitted", "--role n-user --user 'oidc:Jane Doe'", CodeDenied, ""},
		{denied("n", "", "pods/portforward", "jane"), "not permitted", "--role n-user --user jane", CodeDenied, ""},
		{denied("n", "n", "pods/exec", "jane"), "not permitted", "leave out --transport", CodeDenied, ""},
		{&solve.LostError{Cause: denied("n", "n", "pods/exec", "jane")}, "not permitted to create pods/exec", "leave out --transport", CodeDenied, ""},
		{&kube.UnauthorizedError{Host: "https://h"}, "does not accept these credentials", "--context", CodeDenied, ""},
		{&kube.AdmissionError{By: "Pod Security", Kind: "Pod", Name: "n", Namespace: "ns"}, "refuses Pod", "kubectl label namespace ns pod-security.kubernetes.io/enforce=privileged --overwrite", CodeDenied, ""},
		{&kube.AdmissionError{By: "the quota", Kind: "Pod", Name: "n", Namespace: "ns", Message: "exceeded quota: q, requested: limits.memory=8Gi, used: limits.memory=0, limited: limits.memory=4Gi"}, "refuses Pod", "kubectl buildkit install n -n ns --limit memory=4Gi", CodeDenied, ""},
		{&kube.AdmissionError{By: `the webhook "w"`, Kind: "Pod", Name: "n", Namespace: "ns", Message: "no"}, `the webhook "w" refuses`, "", CodeDenied, ""},
		{&driver.ExpiringError{Builder: "n", Namespace: "ns", Err: errors.New("x")}, "renewing them failed: x", "kubectl buildkit install n -n ns", CodeFailed, ""},
		{&driver.ExpiringError{Builder: "n", Namespace: "ns", Pod: "n"}, `that Pod "n" uses end`, "kubectl buildkit install n -n ns --yes, which replaces it with its cache", CodeFailed, ""},
		{&driver.LossError{Plan: install.Plan{Name: "n", Namespace: "ns"}}, "nothing was changed", "kubectl buildkit install n -n ns --yes", CodeUsage, ""},
		{&tunnel.DialError{Pod: "n", Namespace: "ns", Err: errors.New("x")}, "opening a tunnel", "--transport", CodeNoBuilder, ""},
		{&tunnel.LostError{Pod: "n", Namespace: "ns", Reason: "EOF"}, "lost", "kubectl describe pod n -n ns", CodeNoBuilder, ""},
		{&tunnel.ConnRefusedError{Pod: "n", Namespace: "ns", Port: 1234}, "refuses connections", "kubectl logs n -n ns", CodeNoBuilder, ""},
		{&tunnel.CommandNotFoundError{Pod: "n", Namespace: "ns", Command: "buildctl"}, "does not run BuildKit", "kubectl buildkit list -n ns", CodeNoBuilder, ""},
		{&install.PartialSettingsError{Name: "n", Namespace: "ns"}, "known only in part", "kubectl buildkit install n -n ns, with the flags that it was installed with", CodeNoBuilder, ""},
		{&driver.UnrestoredError{Name: "n", Namespace: "ns", Cause: &cluster.NotReadyError{Name: "n", Namespace: "ns"}, Err: errors.New("x")}, "it was not restored", "kubectl buildkit install n -n ns", CodeNoBuilder, ""},
		{&cluster.NoLogError{Pod: "n", Namespace: "ns", Reason: "previous not found"}, "has no such log", "", CodeFailed, ""},
		{&driver.NoAnswerError{Name: "n", Namespace: "ns", Members: 2, Silent: []driver.NoAnswer{{Member: cluster.Member{Pod: "n-1"}, Err: &tunnel.LostError{Pod: "n-1", Namespace: "ns"}}}},
			"1 of 2 members", "kubectl describe pod n-1 -n ns", CodeNoBuilder, ""},
		{&driver.MemberError{Builder: "n", Pod: "n-1", Err: &cluster.NotReadyError{Name: "n", Namespace: "ns", Pod: "n-1", Reason: "ErrImagePull"}},
			`member "n-1" of builder "n" cannot be used`, "leave out --member, to build on another one; for this one: kubectl describe pod n-1 -n ns", CodeNoBuilder, ""},
		{&driver.ClusterSecretError{Flag: "--secret", Value: "k8s=s/k", Err: &kube.MissingError{Kind: "Secret", Name: "s", Namespace: "ns"}}, `--secret "k8s=s/k"`, "kubectl get secrets -n ns", CodeUsage, ""},
		{&driver.ClusterSecretError{Flag: "--secret", Value: "k8s=s/k", Err: &kube.ForbiddenError{Verb: "get", Resource: "secrets", Name: "s", Namespace: "ns"}}, "may not get", "kubectl auth can-i get secrets/s -n ns", CodeDenied, ""},
		{&driver.ClusterSecretError{Flag: "--registry-secret", Value: "s", Err: &kube.UnfitError{Kind: "Secret", Name: "s", Namespace: "ns", Reason: "has no docker config"}}, "has no docker config", "kubectl create secret docker-registry", CodeUsage, ""},
	}
}

// causedSituations are errors whose cause has its own type.
func causedSituations() []situation {
	const install = "kubectl buildkit install n -n ns"
	member := cluster.Member{Builder: "n", Namespace: "ns", Pod: "n"}
	doubt := func(d cluster.Doubt) error {
		return &cluster.UnverifiedError{Name: "n", Namespace: "ns", Pod: "n", Secret: "n-client", Doubt: d, Err: errors.New("x")}
	}
	ended := &trust.UnusableError{Reason: "end on 2027-01-02", Expired: true}
	plain := &registryauth.PlainError{URL: "http://t.io"}
	redirect := &registryauth.RedirectError{From: "https://t.io", To: "http://u.io"}
	return []situation{
		{&cluster.ExpiredError{Name: "n", Namespace: "ns", Err: ended}, "end on 2027-01-02", install, CodeNoBuilder, ""},
		{&cluster.UntrustedError{Member: member, Err: errors.New("tls")}, "does not have the certificates", "kubectl get pod n -n ns -o yaml", CodeNoBuilder, ""},
		{doubt(cluster.DoubtCertificates), `"n"`, "once it is deleted, restore the builder: " + install, CodeNoBuilder, ""},
		{doubt(cluster.DoubtOtherSecret), `"n"`, "--adopt", CodeNoBuilder, ""},
		{doubt(cluster.DoubtUnreadable), `"n"`, "--role n-user", CodeDenied, "USER"},
		{&result.AnswerError{Key: "containerimage.digest", Value: "x", Cause: errors.New("invalid")}, "returned an invalid containerimage.digest", "", CodeFailed, ""},
		{&registryauth.TokenError{Host: "r.io", Realm: "http://t.io", Cause: plain}, "no credentials were sent", "http://t.io", CodeDenied, ""},
		{&registryauth.UnreachableError{Host: "r.io", Plain: true, Cause: plain}, "has no TLS", "--insecure", CodeFailed, ""},
		{&registryauth.TokenError{Host: "r.io", Realm: "https://t.io", Cause: redirect}, "http://u.io", "https://t.io", CodeDenied, ""},
	}
}

func usageSituations() []situation {
	return []situation{
		{&usage.Error{What: "x", Next: "kubectl buildkit build --help"}, "x", "kubectl buildkit build --help", CodeUsage, ""},
		{&usage.Error{What: "x", Next: "kubectl buildkit list"}, "x", "kubectl buildkit list", CodeUsage, ""},
		{&usage.Error{What: "--x", Value: "y", Reason: "z", Next: "write z"}, `invalid --x "y": z`, "write z", CodeUsage, ""},
		{&upload.FileError{Directory: "context", Name: "a", Cause: errors.New("permission denied")}, "permission denied", "make it readable", CodeFailed, ""},
		{&safefile.UnwritableError{Path: "x", Reason: "y", Next: "z"}, `writing "x"`, "z", CodeFailed, ""},
		{&safefile.PrivilegedError{Path: "dev/null"}, `device node at "dev/null"`, "type=tar,dest=FILE", CodeFailed, ""},
		{&history.NotFoundError{Ref: "a", Records: 1}, "no record of build", "kubectl buildkit history list", CodeFailed, ""},
		{&history.NotFoundError{}, "no record of any build", "kubectl buildkit build .", CodeFailed, ""},
		{&checkup.FailedError{Names: []string{"nodes"}, Total: 3, First: fault.Denied}, "1 of 3 checks failed", "", CodeDenied, ""},
		{&ExitError{Code: 7}, "", "", 7, ""},
	}
}

// publishingSituations are about an index of several platforms, whose tags this client moves.
func publishingSituations() []situation {
	immutable := &registryauth.ManifestError{Doing: "writing", Reference: "r.io/a:1", Tag: true, Status: 409, Cause: errors.New("409 Conflict")}
	forbidden := &registryauth.ManifestError{Doing: "writing", Reference: "r.io/a@sha256:0", Status: 403, Cause: errors.New("403 Forbidden")}
	busy := &registryauth.ManifestError{Doing: "writing", Reference: "r.io/a:1", Tag: true, Status: 429, Cause: errors.New("429 Too Many Requests")}
	broken := &registryauth.ManifestError{Doing: "reading", Reference: "r.io/a@sha256:0", Status: 200, Cause: errors.New("the registry has x")}
	before := []imagetags.TagState{{Reference: "r.io/a:1", State: imagetags.Before}}
	part := []imagetags.TagState{{Reference: "r.io/a:1", State: imagetags.Before}, {Reference: "r.io/a:2", State: imagetags.Moved, Cause: errors.New("x")}}
	tags := func(states []imagetags.TagState, cause error) error {
		return &imagetags.Error{Doing: "moving the tags", Tags: states, Cause: cause}
	}
	const again = "build again"
	return []situation{
		{immutable, "409 Conflict", "use another tag", CodeFailed, ""},
		{forbidden, "403 Forbidden", "may push there", CodeDenied, ""},
		{busy, "429 Too Many Requests", again, CodeFailed, ""},
		{broken, "the registry has x", "another registry", CodeFailed, ""},
		{tags(before, immutable), "all are as before", "use another tag", CodeFailed, ""},
		{tags(before, &registryauth.DeniedError{Host: "r.io"}), "all are as before", "kubectl buildkit login r.io", CodeDenied, ""},
		{tags(before, &registryauth.UnreachableError{Host: "r.io"}), "all are as before", "this machine must reach", CodeFailed, ""},
		{tags(before, &registryauth.TokenError{Host: "r.io", Realm: "https://t.io/token"}), "all are as before", "https://t.io/token", CodeDenied, ""},
		{tags(before, context.Canceled), "no tag was moved", again, CodeFailed, ""},
		{tags(part, busy), `"r.io/a:2" is new`, "moves all tags, or puts back", CodeFailed, ""},
		{tags(part, &registryauth.DeniedError{Host: "r.io"}), `"r.io/a:2" is new`, "kubectl buildkit login r.io", CodeDenied, ""},
		{&imagetags.MissingError{Reference: "r.io/a:1", Written: true}, "does not have it", "another registry", CodeFailed, ""},
		{&imageindex.PartError{From: "p-0", Cause: errors.New("x")}, "p-0", "same version of BuildKit", CodeFailed, ""},
		{&imageindex.PlatformError{Platform: "linux/arm64"}, "linux/arm64", "", CodeFailed, ""},
		{&imageindex.TooLargeError{What: "the index", Size: 5}, "5 bytes", "fewer platforms or annotations", CodeFailed, ""},
	}
}

func registrySituations() []situation {
	return []situation{
		{&registryauth.DeniedError{Host: "r.io"}, `registry "r.io" denies access`, "kubectl buildkit login r.io", CodeDenied, ""},
		{&driver.PreflightError{Err: &registryauth.DeniedError{Host: "r.io", Source: "x", User: "u"}}, "denies access", "--preflight=false", CodeDenied, ""},
		{&driver.PushDoubtError{Member: cluster.Member{Builder: "n", Namespace: "ns"}, Err: &registryauth.UnreachableError{Host: "r.io"}},
			`if builder "n" does not reach it either, the push will fail`, "--preflight=false", CodeFailed, ""},
		{&driver.PushDoubtError{Member: cluster.Member{Builder: "n", Namespace: "ns"}, Reason: solve.RegistryPlain, Err: &registryauth.UnreachableError{Host: "r.io"}},
			"expects TLS; the push will fail", "kubectl buildkit install n -n ns --insecure-registry r.io", CodeFailed, ""},
		{&driver.EmulationError{Member: cluster.Member{Builder: "n", Namespace: "ns"}, Native: "linux/amd64", Foreign: []string{"linux/arm64"}},
			"need emulation", "kubectl buildkit install arm64 -n ns --node-selector kubernetes.io/arch=arm64", CodeFailed, ""},
		{&driver.MissingPlatformError{Builder: "n", Namespace: "ns", Missing: []string{"linux/arm64"}, Known: []string{"linux/amd64"}},
			`builds for linux/amd64; it has no members for the RUN steps of linux/arm64`, "kubectl buildkit install n -n ns --platform linux/arm64; without nodes of that architecture add --emulate=linux/arm64", CodeFailed, ""},
		{&registryauth.TokenError{Host: "r.io", Realm: "https://t.io/token"}, "fetching a token", "https://t.io/token", CodeDenied, ""},
		{&registryauth.TokenError{Host: "r.io", Realm: "https://t.io/token", Proxy: "http://p:3128"}, "fetching a token", "http://p:3128: check it and its password in $HTTPS_PROXY, or add the host to $NO_PROXY", CodeDenied, ""},
		{&registryauth.TokenError{Host: "r.io", Cause: &registryauth.UnverifiedRealmError{Host: "r.io", Realm: "https://t.io", Cause: errors.New("x")}},
			"could not be verified", "BUILDKIT_NO_CLIENT_TOKEN=1", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", Withheld: true}, "not provided", "--registry-auth r.io", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", User: "u", Source: "DOCKER_AUTH_CONFIG", Origin: registryauth.FromEnvironment}, "DOCKER_AUTH_CONFIG", "$DOCKER_AUTH_CONFIG", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", User: "u", Source: `Secret "s" in namespace "n"`, Origin: registryauth.FromSecret}, "denies access", `Secret "s" in namespace "n"`, CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", User: "u", Source: "/b/config.json", Origin: registryauth.FromScope}, "/b/config.json", "/b/config.json", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", User: "u", Source: "/c (r.io/a)", Origin: registryauth.FromFile, Path: "a"}, "/c (r.io/a)", "/c (r.io/a)", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", User: "u", Source: "helper", Origin: registryauth.FromHelper, Helper: "ecr-login"}, "denies access", "docker-credential-ecr-login", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", User: "u", Source: "helper", Origin: registryauth.FromHelper, Helper: "pass"}, "denies access", "kubectl buildkit login r.io", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", Unread: &registryauth.SourceError{Origin: registryauth.FromHelper, Helper: "gcloud", Cause: errors.New("x")}}, "no credentials were sent", "docker-credential-gcloud", CodeDenied, ""},
		{&registryauth.DeniedError{Host: "r.io", Unread: &registryauth.SourceError{Origin: registryauth.FromFile, Source: "/c", Cause: errors.New("x")}}, "no credentials were sent", "fix /c", CodeDenied, ""},
		{&registryauth.UnreachableError{Host: "r.io", Proxy: "http://p:3128"}, "r.io", "$NO_PROXY", CodeFailed, ""},
		{&registryauth.ConfigError{Path: "config.json", Cause: errors.New("x")}, "reading the docker config", "$DOCKER_CONFIG", CodeUsage, ""},
		{&registryauth.LoginError{Host: "r.io", User: "u"}, "does not accept user", "password", CodeDenied, ""},
		{&registryauth.LoginError{Host: "r.io", User: "u", Unasked: true}, "asks for no password", "no password was sent", CodeDenied, ""},
		{&registryauth.UnreachableError{Host: "r.io", Untrusted: true}, "r.io", "--registry-ca FILE", CodeFailed, "FILE"},
		{&registryauth.UnreachableError{Host: "r.io", Plain: true}, "r.io", "--insecure", CodeFailed, ""},
		{&registryauth.StoreError{Host: "r.io", Path: "config.json", Cause: errors.New("x")}, "storing the credentials", "$DOCKER_CONFIG", CodeFailed, ""},
		{&solve.CacheRefusedError{Registry: "r.io", Reference: "r.io/c:1", Status: "400 Bad Request"}, "rejected the build cache", "ignore-error=true", CodeFailed, ""},
	}
}

func buildSituations() []situation {
	member := cluster.Member{Builder: "n", Namespace: "ns", Pod: "n", MemoryLimit: "1Gi", MemoryRequest: "1Gi"}
	lost := &solve.LostError{Cause: errors.New("EOF")}
	lostFor := func(cause cluster.Cause) error {
		return &driver.LostError{Member: member, Lost: lost, Diagnosis: cluster.Diagnosis{Cause: cause, Message: "it is away"}}
	}
	step := &solve.FailedStepError{Step: "[1/2] RUN x", ExitCode: killed, Cause: errors.New("exit code: 137")}
	return []situation{
		{lostFor(cluster.CauseOOMKilled), "was lost", "kubectl buildkit install n -n ns --limit memory=2Gi --request memory=1Gi", CodeNoBuilder, ""},
		{lostFor(cluster.CauseDeleted), "was lost", "build again", CodeNoBuilder, ""},
		{lostFor(cluster.CauseNodeLost), "was lost", "kubectl buildkit install n -n ns --force", CodeNoBuilder, ""},
		{lostFor(cluster.CauseExited), "was lost", "kubectl logs n -n ns --previous", CodeNoBuilder, ""},
		{lostFor(""), "was lost", "build again", CodeNoBuilder, ""},
		{lost, "was lost", "kubectl buildkit list", CodeNoBuilder, ""},
		{&solve.LostError{Cause: &solve.SilentError{For: time.Minute}}, "1m0s", "kubectl buildkit list", CodeNoBuilder, ""},
		{&solve.TLSError{Cause: errors.New("tls: bad certificate")}, "certificates", "kubectl buildkit install", CodeNoBuilder, ""},
		{&solve.UnsupportedError{Cause: errors.New("unknown method")}, "too old", "kubectl buildkit install", CodeNoBuilder, ""},
		{&driver.BuildError{Member: member, Err: &solve.FullDiskError{Cause: errors.New("no space left")}}, "disk", "kubectl buildkit prune n -n ns", CodeNoBuilder, ""},
		{&driver.BuildError{Member: member, Err: step}, "limit of 1Gi", "--limit memory", CodeFailed, ""},
		{step, "[1/2] ended with exit code 137", "", CodeFailed, ""},
		{&driver.BuildError{Member: cluster.Member{Builder: "n", Namespace: "ns"}, Ref: "abc", Err: step}, "[1/2] ended with exit code 137", "kubectl buildkit history logs abc -n ns --builder n", CodeFailed, ""},
		{&solve.QueueTimeoutError{Waited: time.Minute, Place: 3, Limit: 2}, "place 3 of the queue", "longer --queue-timeout", CodeNoBuilder, ""},
		{&driver.BuildError{Member: member, Err: &solve.QueueTimeoutError{Waited: time.Minute, Place: 1, Limit: 1, Running: []solve.RunningBuild{{User: "ann", For: time.Minute}, {}}}},
			`now of "ann" for 1m0s, another client`, "kubectl buildkit history list n -n ns --filter status=running", CodeNoBuilder, ""},
		{&solve.SyntaxError{Cause: errors.New("dockerfile parse error")}, "parse error", "", CodeFailed, ""},
		{&solve.BuildError{Cause: errors.New("anything")}, "anything", "", CodeFailed, ""},
		{&solve.CanceledError{Cause: errors.New("x")}, "cancelled", "", CodeFailed, ""},
		{&result.StatusError{Code: 1}, "", "", CodeFailed, ""},
		{&result.BrokenError{Text: "x"}, "x", "", CodeFailed, ""},
		{errors.New("anything"), "anything", "", CodeFailed, ""},
	}
}

func reasonSituations() []situation {
	member := cluster.Member{Builder: "n", Namespace: "ns", Pod: "n"}
	other := cluster.Member{Builder: "n", Namespace: "ns", Pod: "n", Adopted: true}
	about := func(on cluster.Member, reason solve.Reason, subject, text string, platforms ...string) error {
		return &driver.BuildError{Member: on, Platforms: platforms, Err: &solve.DiagnosedError{
			Reason: reason, Subject: subject, Host: "r.io:5000", Cause: &solve.BuildError{Cause: errors.New(text)},
		}}
	}
	hub := &driver.BuildError{Member: member, Err: &solve.DiagnosedError{Reason: solve.RegistryName, Host: dockerHub, Cause: errors.New("lookup")}}
	install := "kubectl buildkit install n -n ns "
	return []situation{
		{about(member, solve.RegistryPlain, "", "the daemon's text"), "uses plain HTTP", install + "--insecure-registry r.io:5000", CodeNoBuilder, ""},
		{about(member, solve.RegistryPlain, "", "tls: first record does not look like a TLS handshake"), "uses plain HTTP", install + "--config FILE", CodeNoBuilder, "FILE"},
		{about(other, solve.RegistryPlain, "", ""), "uses plain HTTP", `buildkitd.toml of Pod n: [registry."r.io:5000"] http = true`, CodeNoBuilder, ""},
		{about(member, solve.RegistryUntrusted, "", ""), "does not trust", install + "--registry-ca FILE", CodeNoBuilder, "FILE"},
		{about(member, solve.RegistryCertificate, "", ""), "is invalid", install + "--insecure-registry r.io:5000", CodeNoBuilder, ""},
		{about(member, solve.RegistryName, "", ""), "cannot resolve", install + "--env HTTPS_PROXY=", CodeNoBuilder, "HOST PORT"},
		{about(member, solve.RegistryUnreachable, "", ""), "cannot reach", install + "--env HTTPS_PROXY=", CodeNoBuilder, "HOST PORT"},
		{about(member, solve.RegistryUnusable, "", "x"), `response from registry "r.io:5000" that it cannot use: x`, "check that the name is that of a registry", CodeNoBuilder, ""},
		{about(member, solve.RegistryLimited, "", "x"), `registry "r.io:5000" refuses further requests for a while: x`, "kubectl buildkit login r.io:5000", CodeNoBuilder, ""},
		{hub, "cannot resolve", install + "--registry-mirror docker.io=HOST:PORT", CodeNoBuilder, "HOST PORT"},
		{about(member, solve.ProxyRefused, "", ""), "wants credentials", install + "--env HTTPS_PROXY=", CodeNoBuilder, "USER PASSWORD HOST PORT"},
		{about(member, solve.FileMissing, "/x", "x"), "x", `"/x" is not in the build context`, CodeFailed, ""},
		{about(member, solve.StageMissing, "x", `target stage "x" could not be found`), "could not be found", "the same command with --call targets", CodeFailed, ""},
		{&driver.BuildError{Member: member, Stages: []string{"build", "test"}, Err: &solve.DiagnosedError{Reason: solve.StageMissing, Cause: errors.New("x")}}, "x", "stages of the Dockerfile: build, test", CodeFailed, ""},
		{about(member, solve.StageFileMissing, "/x", "x"), "x", "--from", CodeFailed, ""},
		{about(member, solve.SecretMissing, "my npm", "x"), "x", "--secret id='my npm',src=FILE", CodeFailed, "FILE"},
		{about(member, solve.SSHMissing, "default", "x"), "x", "--ssh default", CodeFailed, ""},
		{about(member, solve.ForeignPlatform, "", "x", "linux/arm64"), "another architecture", "kubectl buildkit install arm64 -n ns --node-selector kubernetes.io/arch=arm64", CodeFailed, ""},
		{about(member, solve.ForeignPlatform, "", "x"), "another architecture", "--node-selector kubernetes.io/arch=ARCH", CodeFailed, "NAME ARCH"},
		{about(member, solve.EntitlementForbidden, "security.insecure", "x"), "x", `insecure-entitlements = ["security.insecure"] in FILE; it makes every user of the builder root on its node`, CodeFailed, "FILE"},
		{about(member, solve.EntitlementForbidden, "network.host", "x"), "x", install + "--config FILE", CodeFailed, "FILE"},
		{about(member, solve.EntitlementNotRequested, "network.host", "x"), "x", "--allow network.host", CodeFailed, ""},
		{about(member, solve.UnsupportedRequest, "frontend.foo", "x"), "frontend.foo", "check, outline or targets", CodeFailed, ""},
		{about(member, solve.NameNotUTF8, "", "x"), "x", ".dockerignore", CodeFailed, ""},
		{about(member, solve.GitDenied, "https://g.io", "x"), "x", "--secret id=GIT_AUTH_TOKEN,env=VARIABLE", CodeFailed, "VARIABLE"},
		{about(member, solve.FrontendTooOld, "", "x"), "x", "# syntax=", CodeFailed, ""},
	}
}
