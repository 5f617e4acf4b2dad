package view

import (
	"cmp"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// builderFields are a builder in JSON, beside its metadata.
type builderFields struct {
	// Adopted says that install did not make it.
	Adopted bool `json:"adopted"`
	// Ephemeral says that it was made for one build, and is removed with it.
	Ephemeral bool `json:"ephemeral,omitempty"`
	// Platforms are those that the builder was installed for, with the builder of its family whose
	// members build for each; absent where it was for none. The members are those of the family.
	Platforms      []builder.Native `json:"platforms,omitempty"`
	DesiredMembers int              `json:"desiredMembers"`
	ReadyMembers   int              `json:"readyMembers"`
	// OutdatedMembers is how many members a roll-out has not replaced yet.
	OutdatedMembers int `json:"outdatedMembers,omitempty"`
	// CertificatesExpire is told by info, for builders that are not adopted.
	CertificatesExpire *time.Time `json:"certificatesExpire,omitempty"`
	// FormerCertificates is set while Pods may accept the certificates of before a renewal or a
	// rotation.
	FormerCertificates bool `json:"formerCertificates,omitempty"`
	// Settings are what install was asked for, Install the command that asks for the same, which
	// reads what is in files from their File; info prints them for those who may read the builder's
	// ConfigMap.
	Settings []settingFields `json:"settings,omitempty"`
	Install  string          `json:"install,omitempty"`
	Members  []memberFields  `json:"members"`
}

// settingFields are one setting of a builder.
type settingFields struct {
	Name    string   `json:"name"`
	Values  []string `json:"values"`
	File    string   `json:"file,omitempty"`
	Content string   `json:"content,omitempty"`
}

// memberFields are a Pod of a builder.
type memberFields struct {
	Pod string `json:"pod"`
	// Builder is the builder of a family that it belongs to; absent without a family.
	Builder string `json:"builder,omitempty"`
	// Ready says that builds may be sent to it, State why or why not, e.g. "Ready" or
	// "ImagePullBackOff".
	Ready bool   `json:"ready"`
	State string `json:"state"`
	Node  string `json:"node,omitempty"`
	Image string `json:"image,omitempty"`
	// Mode is one of builder.Modes, where it is known.
	Mode      string     `json:"mode,omitempty"`
	Restarts  int32      `json:"restarts"`
	CreatedAt *time.Time `json:"createdAt,omitempty"`
	// Outdated is set for a member that a roll-out has not replaced yet.
	Outdated bool `json:"outdated,omitempty"`
	// CertificateExpires is when the certificate ends that the daemon has presented to info,
	// FormerCertificate whether the builder has newer ones.
	CertificateExpires *time.Time `json:"certificateExpires,omitempty"`
	FormerCertificate  bool       `json:"formerCertificate,omitempty"`
	// BuildKit is what the daemon says of itself; info asks it.
	BuildKit *daemonFields `json:"buildkit,omitempty"`
	// Builds are those that its daemon runs, and those that wait; absent if it was not asked, or
	// does not list them.
	Builds *activeFields `json:"builds,omitempty"`
	// Error is why the daemon did not answer info.
	Error string `json:"error,omitempty"`
}

// daemonFields are what a daemon says of itself.
type daemonFields struct {
	Version   string         `json:"version"`
	Revision  string         `json:"revision,omitempty"`
	Platforms []string       `json:"platforms"`
	Cache     cacheFields    `json:"cache"`
	Workers   []workerFields `json:"workers"`
}

type cacheFields struct {
	Records    int   `json:"records"`
	SizeBytes  int64 `json:"sizeBytes"`
	InUseBytes int64 `json:"inUseBytes"`
}

type workerFields struct {
	ID     string            `json:"id"`
	Labels map[string]string `json:"labels,omitempty"`
	GC     []gcFields        `json:"gc"`
}

// gcFields are one rule of the garbage collection; zero is unlimited.
type gcFields struct {
	All           bool     `json:"all"`
	Filters       []string `json:"filters,omitempty"`
	KeepSeconds   int64    `json:"keepSeconds"`
	ReservedBytes int64    `json:"reservedBytes"`
	MaxUsedBytes  int64    `json:"maxUsedBytes"`
	MinFreeBytes  int64    `json:"minFreeBytes"`
}

// stateReady is the state of a member that its probe has seen.
const stateReady = "Ready"

func newMemberFields(m cluster.Member, wanted string) memberFields {
	fields := memberFields{
		Pod: m.Pod, Builder: m.Builder, Ready: m.Ready && m.State == stateReady, State: cmp.Or(m.State, "Missing"), Node: m.Node, Image: m.Image, Mode: m.Mode, Restarts: m.Restarts,
		Outdated: m.Outdated(wanted),
	}
	if !m.Created.IsZero() {
		created := m.Created.UTC()
		fields.CreatedAt = &created
	}
	return fields
}

func newDaemonFields(info *solve.Info) *daemonFields {
	fields := &daemonFields{
		Version: info.Version, Revision: info.Revision, Platforms: info.Platforms(),
		Cache:   cacheFields{Records: info.Cache.Records, SizeBytes: info.Cache.TotalBytes, InUseBytes: info.Cache.InUseBytes},
		Workers: []workerFields{},
	}
	for _, worker := range info.Workers {
		own := workerFields{ID: worker.ID, Labels: worker.Labels, GC: []gcFields{}}
		for _, rule := range worker.GC {
			own.GC = append(own.GC, gcFields(rule))
		}
		fields.Workers = append(fields.Workers, own)
	}
	return fields
}

// newBuilderFields are what the cluster alone knows, and the builds of members, by the UIDs of
// their Pods.
func newBuilderFields(b cluster.Builder, builds map[string]driver.MemberBuilds) builderFields {
	fields := builderFields{Adopted: b.Adopted, Ephemeral: b.Ephemeral, Platforms: b.Platforms, DesiredMembers: b.Desired, OutdatedMembers: b.Outdated(), Members: []memberFields{}}
	for _, m := range b.Members {
		own := newMemberFields(m, b.Wanted)
		if b.Family == "" && len(b.Platforms) == 0 {
			own.Builder = ""
		}
		if found, known := builds[m.UID]; known {
			own.Builds = newActiveFields(found)
		}
		fields.Members = append(fields.Members, own)
		if own.Ready {
			fields.ReadyMembers++
		}
	}
	return fields
}

// add makes the members of another builder of the family some of this one.
func (b *builderFields) add(other builderFields) {
	b.Members = append(b.Members, other.Members...)
	b.DesiredMembers, b.ReadyMembers, b.OutdatedMembers = b.DesiredMembers+other.DesiredMembers, b.ReadyMembers+other.ReadyMembers, b.OutdatedMembers+other.OutdatedMembers
}

// platformText is a platform for people.
func platformText(native builder.Native) string {
	if native.Emulated {
		return native.Platform + " (emulated)"
	}
	return native.Platform
}

// builderItem is a builder as an item of an answer.
func builderItem(name, namespace string, fields builderFields) output.Item {
	return output.Item{Name: name, Namespace: namespace, Fields: fields}
}
