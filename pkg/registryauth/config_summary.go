package registryauth

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Summary is the content of the docker config, without secrets.
type Summary struct {
	// Path is the config file, which may be absent; empty without a home directory.
	Path   string `json:"path"`
	Absent bool   `json:"absent,omitempty"`
	// Registries are the hosts with credentials in the file or the environment. Those in a helper
	// for all registries are not listed.
	Registries []string `json:"registries"`
	// Faults are the errors of the parts that could not be read.
	Faults []string `json:"faults,omitempty"`
	// Helpers are the credential helpers in the config.
	Helpers []Helper `json:"helpers,omitempty"`
}

// Helper is a credential helper.
type Helper struct {
	Program string `json:"program"`
	// Hosts are the registries that it is configured for; empty for all others.
	Hosts []string `json:"hosts,omitempty"`
	// Missing reports whether the program is not in PATH.
	Missing bool `json:"missing,omitempty"`
}

// Summary returns the content of the config. It runs no helper.
func (c *Config) Summary() Summary {
	file := c.file.config
	summary := Summary{Path: c.file.name, Registries: []string{}, Faults: c.Warnings()}
	if _, err := os.Stat(summary.Path); errors.Is(err, fs.ErrNotExist) {
		summary.Absent = true
	}
	hosts := map[string]bool{}
	for _, entries := range []map[string]entry{file.Auths, c.env.config.Auths} {
		for name, each := range entries {
			if !each.empty() {
				hosts[shownHost(keyHost(name))] = true
			}
		}
	}
	summary.Registries = slices.AppendSeq(summary.Registries, maps.Keys(hosts))
	slices.Sort(summary.Registries)
	named := map[string][]string{}
	if file.Store != "" {
		named[file.Store] = nil
	}
	for _, host := range sortedKeys(file.HostHelpers) {
		if suffix := file.HostHelpers[host]; suffix != "" && suffix != file.Store {
			named[suffix] = append(named[suffix], shownHost(keyHost(host)))
		}
	}
	for _, suffix := range sortedKeys(named) {
		_, err := exec.LookPath(helperName(suffix))
		summary.Helpers = append(summary.Helpers, Helper{Program: helperName(suffix), Hosts: named[suffix], Missing: err != nil})
	}
	return summary
}

// keyHost returns the host of a key of the config.
func keyHost(key string) string {
	if slices.Contains(keysOf("docker.io"), key) {
		return "docker.io"
	}
	return strings.TrimSuffix(hostOf(key), "/")
}
