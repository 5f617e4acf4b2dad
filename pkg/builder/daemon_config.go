package builder

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	corev1 "k8s.io/api/core/v1"
)

// FieldConfig is the What of a *usage.Error about the user's buildkitd.toml; its Value is then the
// place in that file.
const FieldConfig = "buildkitd.toml"

// FieldRegistryCA is the What of a *usage.Error about the user's PEM file.
const FieldRegistryCA = "registry CA"

// DaemonConfig is the text of the daemon's buildkitd.toml: the user's own text unchanged, then the
// registries that the Spec adds, and the defaults. It refuses what the user's text and the Spec say
// differently.
func (s Spec) DaemonConfig(defaults Defaults) (string, error) {
	own, err := parseConfig(s.Config)
	if err != nil {
		return "", err
	}
	if err := reserved(own); err != nil {
		return "", err
	}
	text := strings.TrimRight(string(s.Config), "\n")
	if text != "" {
		text += "\n"
	}
	hosts := s.registries()
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		if registered(own, host) {
			return "", invalid(FieldConfig, host, "this registry is described there and by another option",
				"say everything about this registry in one of the two places")
		}
		text += hosts[host]
	}
	text += defaults.text(own)
	if _, err := parseConfig([]byte(text)); err != nil {
		return "", invalid(FieldConfig, "[registry]", "its registries cannot be extended",
			"write each registry as a table of its own, e.g. [registry.\"docker.io\"]")
	}
	return text, nil
}

// registered reports whether the user's own text describes a registry.
func registered(own map[string]any, host string) bool {
	_, ok := table(own, "registry")[host]
	return ok
}

// UnverifiedRegistries are the hosts that the daemon reaches without verified TLS, or with plain
// HTTP: those of the Spec, and those of which the user's text says so.
func (s Spec) UnverifiedRegistries() []string {
	hosts := slices.Clone(s.InsecureRegistries)
	own, err := parseConfig(s.Config)
	if err != nil {
		return hosts
	}
	registries := table(own, "registry")
	for _, host := range slices.Sorted(maps.Keys(registries)) {
		settings, _ := registries[host].(map[string]any)
		settings = fold(settings)
		if settings["http"] == true || settings["insecure"] == true {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// registries are the generated TOML tables by host.
func (s Spec) registries() map[string]string {
	insecure := map[string]bool{}
	for _, host := range s.InsecureRegistries {
		insecure[host] = true
	}
	tables := map[string]string{}
	for host := range insecure {
		tables[host] = s.registryTable(host, true)
	}
	for host := range s.Mirrors {
		tables[host] = s.registryTable(host, insecure[host])
	}
	return tables
}

func (s Spec) registryTable(host string, insecure bool) string {
	var text strings.Builder
	fmt.Fprintf(&text, "[registry.%s]\n", strconv.Quote(host))
	if mirrors := s.Mirrors[host]; len(mirrors) > 0 {
		quoted := make([]string, 0, len(mirrors))
		for _, mirror := range mirrors {
			quoted = append(quoted, strconv.Quote(mirror))
		}
		fmt.Fprintf(&text, "  mirrors = [%s]\n", strings.Join(quoted, ", "))
	}
	if insecure {
		// Both together mean: HTTPS with any certificate, and plain HTTP when the registry speaks
		// no TLS.
		text.WriteString("  http = true\n  insecure = true\n")
	}
	return text.String()
}

// CacheLimits is the daemon's argument that keeps its cache within the disk it has, e.g.
// "1073,1073,8589" (megabytes to keep, to leave free, to use at most). It is empty when the disk is
// the node's and without a limit, or when the user's buildkitd.toml says it.
//
// Without it the daemon takes its share of the whole file system, which on a node's disk is not
// ours to take.
func (s Spec) CacheLimits() string {
	own, err := parseConfig(s.Config)
	if err != nil || setsGC(table(table(own, "worker"), "oci")) {
		return ""
	}
	if s.Storage != nil {
		size := s.Storage.Value()
		return limits(size/10, size/10, size/10*8)
	}
	if limit, ok := s.Limits[corev1.ResourceEphemeralStorage]; ok {
		return limits(limit.Value()/10, 0, limit.Value()/10*8)
	}
	return ""
}

func limits(keep, free, most int64) string {
	const megabyte = 1e6
	return fmt.Sprintf("%d,%d,%d", keep/megabyte, free/megabyte, max(most/megabyte, 1))
}

func setsGC(worker map[string]any) bool {
	for _, key := range []string{"gc", "gckeepstorage", "reservedSpace", "maxUsedSpace", "minFreeSpace", "gcpolicy"} {
		for own := range worker {
			if strings.EqualFold(own, key) {
				return true
			}
		}
	}
	return false
}

// tomlHint is for a buildkitd.toml that cannot be read.
const tomlHint = "write it in TOML, as BuildKit's documentation of buildkitd.toml has it"

func parseConfig(text []byte) (map[string]any, error) {
	var config map[string]any
	err := toml.Unmarshal(text, &config)
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		line, column := syntax.Position()
		return nil, invalid(FieldConfig, fmt.Sprintf("line %d, column %d", line, column), syntax.Error(), tomlHint)
	}
	if err != nil {
		return nil, invalid(FieldConfig, "", err.Error(), tomlHint)
	}
	return config, nil
}

// reserved refuses the settings that the Pod's own arguments and mounts decide, and those that
// harm. Like the daemon, it does not tell upper from lower case.
func reserved(own map[string]any) error {
	const hint = "leave it out: install decides it"
	if err := twice(own, ""); err != nil {
		return err
	}
	grpc := fold(table(own, "grpc"))
	for _, key := range []string{"address", "tls", "uid", "gid", "securityDescriptor"} {
		if _, ok := grpc[strings.ToLower(key)]; ok {
			return invalid(FieldConfig, "grpc."+key, "the daemon's listeners are set by its Pod", hint)
		}
	}
	if _, ok := grpc["debugaddress"]; ok {
		return invalid(FieldConfig, "grpc.debugAddress", "every step of a build could read the daemon's memory there", "leave it out")
	}
	if _, ok := fold(own)["root"]; ok {
		return invalid(FieldConfig, "root", "the daemon's directory is a volume of its Pod", hint)
	}
	// With 0 the daemon tells of no running build, with less it ends when it cleans up.
	if most, ok := fold(table(own, "history"))["maxentries"]; ok {
		if number, isNumber := most.(int64); !isNumber || number < 1 {
			return invalid(FieldConfig, "history.maxEntries", "without history, no build can be followed or waited for, and none is seen when its Pod stops",
				"write at least 1, or leave it out")
		}
	}
	return nil
}

// twice refuses a key that is written in two ways: to the daemon they are one, and which of them it
// takes is not known. The hosts of registries are no such keys.
func twice(table map[string]any, path string) error {
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		folded := strings.ToLower(key)
		if other, ok := seen[folded]; ok {
			return invalid(FieldConfig, path+key, fmt.Sprintf("to the daemon it is the same as %q, which is there as well", path+other), "write it once")
		}
		seen[folded] = key
		if child, ok := table[key].(map[string]any); ok && folded != "registry" {
			if err := twice(child, path+key+"."); err != nil {
				return err
			}
		}
	}
	return nil
}

// fold is a table with its keys in lower case.
func fold(table map[string]any) map[string]any {
	folded := map[string]any{}
	for key, value := range table {
		folded[strings.ToLower(key)] = value
	}
	return folded
}

// table is a table of a table, whose key the daemon reads in upper and lower case.
func table(parent map[string]any, key string) map[string]any {
	child, _ := fold(parent)[key].(map[string]any)
	return child
}
