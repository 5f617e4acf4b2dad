package completion

import (
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// Flags returns how the values of flags complete, by the flag or, where commands mean different
// things by one name, by command and flag. A flag that is not here completes with file names, as
// one with nil does; nothing completes one whose value only its user knows.
func Flags() map[string]Completer {
	formats := oneOf("wide", "json", "yaml", "name", "jsonpath=", "go-template=", "custom-columns=")
	table := map[string]Completer{
		"--namespace": namespaceNames,
		"--context":   contextNames,
		"--cluster":   clusterNames,
		"--user":      userNames,
		"--as":        serviceAccountUsers,

		"--builder":   Builders,
		"--member":    memberNames,
		"--transport": oneOf(transportNames()...),
		"--progress":  oneOf(progress.Names()...),
		"--platform":  someOf(platformNames),
		"--emulate":   someOf(platformNames),

		"--registry-secret":          registrySecretNames,
		"--registry-service-account": serviceAccountNames,
		"--image-pull-secret":        registrySecretNames,
		"--service-account":          serviceAccountNames,
		"--node-selector":            someOf(nodeLabels),
		"--topology-spread":          oneOf("kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region"),
		"--secret":                   secretSource,

		"--step-network":   oneOf(builder.StepNetworks()...),
		"install --mode":   oneOf(append(builder.Modes(), builder.ModeAuto)...),
		"--dry-run":        oneOf("none", "client", "server"),
		"list --output":    formats,
		"info --output":    formats,
		"du --output":      formats,
		"prune --output":   formats,
		"inspect --output": formats,
		"doctor --output":  oneOf("json", "yaml"),
		"version --output": oneOf("json", "yaml"),
		"du --sort-by":     oneOf(buildcache.Orders()...),
		"du --filter":      oneOf(buildcache.Filters()...),
		"prune --filter":   oneOf(buildcache.Filters()...),
		"install --output": oneOf("yaml"),
		"build --output": oneOf("type=image", "type=registry", "type=local,dest=", "type=tar,dest=", "type=oci,dest=",
			"type=docker,dest=", "type=cacheonly"),
		"build --cache-to":   oneOf("type=registry,ref=", "type=local,dest=", "type=inline", "type=gha", "type=s3,bucket=", "type=azblob,name="),
		"build --cache-from": oneOf("type=registry,ref=", "type=local,src=", "type=gha", "type=s3,bucket=", "type=azblob,name="),
		"build --call":       oneOf("build", "check", "check,format=json", "outline", "outline,format=json", "targets", "targets,format=json"),
		"build --network":    oneOf("default", "none", "host"),
		"build --allow":      oneOf("network.host", "security.insecure", "device"),
		"build --frontend":   oneOf("dockerfile.v0", "gateway.v0"),
		"list --filter":      oneOf(history.FilterWords()...),
		"list --format":      oneOf("table", "json"),
		"inspect --format":   oneOf("text", "json"),
		"logs --progress":    oneOf(string(progress.Plain), string(progress.RawJSON)),
		"build --attest":     oneOf("type=provenance,mode=min", "type=provenance,mode=max", "type=sbom"),
		"build --provenance": oneOf("true", "false", "mode=min", "mode=max"),
		"build --sbom":       oneOf("true", "false", "generator="),
	}
	for _, name := range ownWords() {
		table[name] = oneOf()
	}
	return table
}

// ownWords are flags whose values only the user knows.
func ownWords() []string {
	return []string{
		"--as-group", "--as-uid", "--as-user-extra", "--password", "--request-timeout", "--server", "--tls-server-name", "--token", "--username",
		"--annotation", "--emulate-image", "--env", "--grace-period", "--image", "--insecure-registry", "--label", "--limit", "--max-builds", "--pod-disruption-budget", "--priority-class", "--registry-mirror", "--replicas",
		"--request", "--runtime-class", "--scheduler", "--storage", "--storage-class", "--timeout", "--toleration",
		"--add-host", "--build-arg", "--cgroup-parent", "--no-cache-filter", "--opt", "--push-to", "--registry", "--resource", "--shm-size", "--tag", "--target", "--ulimit",
		"--reserved-space", "--max-used-space", "--min-free-space", "--keep-storage", "--since", "--tail",
	}
}

func transportNames() []string {
	var names []string
	for _, transport := range tunnel.Transports() {
		names = append(names, string(transport))
	}
	return names
}
