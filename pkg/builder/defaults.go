package builder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Defaults is a generation of what a daemon is started with where its user says nothing. Members
// keep theirs until something else restarts them: a better default must not cost a cache.
type Defaults int

// The generations, in their order.
const (
	// PlainDefaults are those of before there were others.
	PlainDefaults Defaults = iota
	// TeamDefaults are for a daemon that many use for long.
	TeamDefaults

	// CurrentDefaults are for members that start now.
	CurrentDefaults = TeamDefaults
)

// DefaultConfig ends the daemon's configuration unless the user's own text has the table: devices
// of a node are not for builds.
const DefaultConfig = "[cdi]\n  disabled = true\n"

// tables are those that end the daemon's configuration, each unless the user's own text has it.
func (d Defaults) tables() map[string]string {
	tables := map[string]string{"cdi": DefaultConfig}
	if d >= TeamDefaults {
		// The metadata database never shrinks by itself: every lookup of a year reads a year.
		tables["compaction"] = "[compaction]\n  enabled = true\n"
		// How long the daemon waits for the client's credentials, e.g. at the end of a push: within
		// BuildKit's minute a link that is away, and is rejoined, fails a build.
		tables["system"] = "[system]\n  sessionAuthTimeout = \"5m\"\n"
	}
	return tables
}

// text are the tables that the user's own configuration does not have.
func (d Defaults) text(own map[string]any) string {
	tables, own := d.tables(), fold(own)
	text := ""
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if own[name] == nil {
			text += tables[name]
		}
	}
	return text
}

// leastParallelism is how many steps run at once at least: those that wait for a network take no
// CPU.
const leastParallelism = 4

// Parallelism is how many steps of builds a member runs at once, twice its CPUs; 0 where the daemon
// is to set no limit. Known are the CPUs only of a member with a limit: one that only requests some
// has the idle ones of its node as well, and a request of half a CPU would make builds wait for one
// another on an idle node.
func (s Spec) Parallelism(d Defaults) int64 {
	own, err := parseConfig(s.Config)
	limit, limited := s.Limits[corev1.ResourceCPU]
	if d < TeamDefaults || err != nil || !limited {
		return 0
	}
	if _, said := fold(table(table(own, "worker"), "oci"))["max-parallelism"]; said {
		return 0
	}
	return max(leastParallelism, 2*limit.Value())
}

// Provenance is what the provenance of every build says of where it was built, as JSON; empty where
// the user's own configuration names a directory for it. The cluster is not in it: it has no name
// that is the same for all its users and says nothing about its address.
func (s Spec) Provenance(d Defaults) (string, error) {
	own, err := parseConfig(s.Config)
	if err != nil {
		return "", err
	}
	if _, said := fold(own)["provenanceenvdir"]; said || d < TeamDefaults {
		return "", nil
	}
	text, err := json.Marshal(map[string]any{"kubernetes": map[string]string{"namespace": s.Namespace, "builder": s.Name}})
	if err != nil {
		return "", fmt.Errorf("describing builder %q: %w", s.Name, err)
	}
	return string(text) + "\n", nil
}
