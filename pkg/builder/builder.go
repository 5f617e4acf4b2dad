// Package builder is the vocabulary of the Kubernetes half: what a builder's objects and labels are
// called, and the Spec that a user asks for, with its settings, their defaults and their checks.
//
// It is pure: no network, no files, no clock. It must not know commands, clients or BuildKit's own
// packages.
package builder

import (
	"strconv"
	"strings"
)

// BuildKitVersion is the daemon that install deploys unless told otherwise; a test holds it equal
// to the BuildKit version in go.mod, so that client and daemon never drift apart unnoticed.
const BuildKitVersion = "v0.34.2"

// Names and numbers which both the manifests and the clients of a builder need.
const (
	// DefaultName is what a builder is called without a name; BuildKit's own example Pod has the
	// same name.
	DefaultName = "buildkitd"
	// ContainerName is the name of the daemon's container in a member.
	ContainerName = "buildkitd"
	// Port is where the daemon listens with mutual TLS, on 127.0.0.1 inside the Pod.
	Port = 1234
	// MetricsPort is where the metrics of a member are served, to every Pod, if they are: what
	// OpenTelemetry's exporters for Prometheus use.
	MetricsPort = 9464
	// MetricsContainerName is the name of the container that serves them.
	MetricsContainerName = "metrics"
	// UserNamespaceContainerName is the name of the container that ends the start of a member in
	// ModeUserNS which has no user namespace.
	UserNamespaceContainerName = "user-namespace"
	// EmulationContainerName is the name of the container that registers emulators before the
	// daemon starts, EmulationHoldName that of the one which keeps them registered.
	EmulationContainerName = "emulation"
	EmulationHoldName      = "emulation-hold"
	// StepNetworkContainerName is the name of the container that describes the network of steps.
	StepNetworkContainerName = "step-network"
	// ImageRepository is where the default image comes from.
	ImageRepository = "docker.io/moby/buildkit"
	// FieldManager owns, in server-side apply, what install writes.
	FieldManager = "kubectl-buildkit"
)

// Labels of every object that install makes.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelVersion   = "app.kubernetes.io/version"

	// LabelEphemeral is on the objects of a builder that exists for one build.
	LabelEphemeral = annotationPrefix + "ephemeral"

	// AppName is the value of LabelName.
	AppName = "buildkitd"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "kubectl-buildkit"
)

// Annotations of our own; the prefix is a domain that only this project can serve.
const (
	annotationPrefix = "kubectl-buildkit.github.io/"
	// AnnotationSpec holds the hash of all that a member was started with: install compares it to
	// know what changed.
	AnnotationSpec = annotationPrefix + "spec"
	// AnnotationRun tells the runs of install apart: one that ends early removes only what has its
	// own.
	AnnotationRun = annotationPrefix + "run"
	// AnnotationMode says how the daemon runs: "privileged", "rootless" or "userns".
	AnnotationMode = annotationPrefix + "mode"
	// AnnotationTrust holds the fingerprint of the certificates a member was started with.
	AnnotationTrust = annotationPrefix + "trust"
	// AnnotationClone is on the claim of a member that starts warm: the name of the claim whose
	// volume is cloned.
	AnnotationClone = annotationPrefix + "clone-of"
)

// LabelFamily is on the objects of a builder for a further architecture: the builder whose family
// it belongs to.
const LabelFamily = annotationPrefix + "family"

// OwnAnnotation reports whether the key of an annotation belongs to install.
func OwnAnnotation(key string) bool { return strings.HasPrefix(key, annotationPrefix) }

// Modes a daemon can run in, the values of AnnotationMode.
const (
	// ModePrivileged is root on the node, in a privileged container.
	ModePrivileged = "privileged"
	// ModeRootless is user 1000 of the node, in a container without privileges.
	ModeRootless = "rootless"
	// ModeUserNS is a privileged container in a user namespace of the Pod: its root is an ordinary
	// user of the node.
	ModeUserNS = "userns"
)

// ModeAuto stands, in a Spec that is not stored, for the mode that package mode chooses.
const ModeAuto = "auto"

// Networks of RUN steps, the values of Spec.StepNetwork.
const (
	// StepNetworkHost is that of the Pod, which all steps share.
	StepNetworkHost = "host"
	// StepNetworkBridge is one for each step, connected to the Pod's.
	StepNetworkBridge = "bridge"
)

// StepNetworks are the values of Spec.StepNetwork.
func StepNetworks() []string { return []string{StepNetworkHost, StepNetworkBridge} }

// Modes are the values of AnnotationMode.
func Modes() []string { return []string{ModePrivileged, ModeRootless, ModeUserNS} }

// Sockets of the daemon: the official images' own defaults, used by probes and by the exec
// transport.
const (
	SocketPrivileged = "unix:///run/buildkit/buildkitd.sock"
	SocketRootless   = "unix:///run/user/1000/buildkit/buildkitd.sock"
)

// ClientSecretName is the Secret that lets its reader build: the connection document.
func ClientSecretName(name string) string { return name + "-client" }

// ServerSecretName is the Secret that the members mount.
func ServerSecretName(name string) string { return name + "-server" }

// ConfigName is the ConfigMap with buildkitd.toml.
func ConfigName(name string) string { return name + "-config" }

// RoleName is the Role of the people who build.
func RoleName(name string) string { return name + "-user" }

// BudgetName is the PodDisruptionBudget of the members.
func BudgetName(name string) string { return name }

// VolumeName is the name of the claim template, so that a member's claim is called
// "cache-buildkitd-0".
const VolumeName = "cache"

// ClaimName is the PersistentVolumeClaim of a member.
func ClaimName(member string) string { return VolumeName + "-" + member }

// ObjectLabels are the labels that every object of a builder carries.
func ObjectLabels(name string) map[string]string {
	return map[string]string{LabelName: AppName, LabelInstance: name, LabelManagedBy: ManagedBy}
}

// Selector is the label selector that finds the objects of one builder, e.g.
// "app.kubernetes.io/instance=buildkitd,app.kubernetes.io/managed-by=kubectl-buildkit".
func Selector(name string) string {
	return LabelInstance + "=" + name + "," + LabelManagedBy + "=" + ManagedBy
}

// MemberNames are the Pods of a builder: the builder's own name for a single Pod, numbered ones for
// a StatefulSet.
func MemberNames(name string, replicas int32, stateful bool) []string {
	if !stateful {
		return []string{name}
	}
	names := make([]string, 0, replicas)
	for i := range int(replicas) {
		names = append(names, name+"-"+strconv.Itoa(i))
	}
	return names
}
