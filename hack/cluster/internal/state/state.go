// Package state is the cluster's directory on this machine: what lies where in it, the lock that keeps two runs apart, and
// the record that a later run reads. It must not know what any component does.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// markerName is the file that says a directory is ours, without which nothing below it is ever deleted.
const markerName = "kubectl-buildkit-cluster"

// Dir is the state directory of one cluster, an absolute path.
type Dir string

// Path joins elements to the directory.
func (d Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{string(d)}, elements...)...)
}

// Programs is the directory of links to the programs that the cluster itself runs.
func (d Dir) Programs() string { return d.Path("programs") }

// UserPrograms is the directory of programs meant for a user's PATH.
func (d Dir) UserPrograms() string { return d.Path("bin") }

// Logs is the directory of one log file per process.
func (d Dir) Logs() string { return d.Path("logs") }

// Processes is the directory of one record per started process.
func (d Dir) Processes() string { return d.Path("processes") }

// Certificates is the directory of every key and certificate.
func (d Dir) Certificates() string { return d.Path("pki") }

// Node is the directory of the node called name.
func (d Dir) Node(name string) string { return d.Path("nodes", name) }

// Volumes is the directory of one directory per PersistentVolume, whichever node it is of.
func (d Dir) Volumes() string { return d.Path("volumes") }

// Kubeconfig is the path of the named user's kubeconfig; the administrator's is named "admin".
func (d Dir) Kubeconfig(user string) string { return d.Path("kubeconfig", user+".yaml") }

// RegistryCA is the path of the certificate that signs the registries' certificates.
func (d Dir) RegistryCA() string { return filepath.Join(d.Certificates(), "registry-ca.crt") }

// Check refuses a directory that holds something and is not marked as ours.
func (d Dir) Check() error {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading state directory: %w", err)
	}
	if _, err := os.Stat(d.Path(markerName)); err != nil && len(entries) > 0 {
		return fmt.Errorf("using %q as state directory: it holds something else", string(d))
	}
	return nil
}

// Create makes the directory and marks it as ours. It refuses one that Check refuses, since Empty would delete what is in it.
func (d Dir) Create() error {
	if err := d.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return fmt.Errorf("creating state directory: %w", err)
	}
	if err := os.WriteFile(d.Path(markerName), nil, 0o644); err != nil { // first of all: a run may be killed after any line
		return fmt.Errorf("marking state directory: %w", err)
	}
	for _, directory := range []string{d.Programs(), d.UserPrograms(), d.Logs(), d.Processes(), d.Certificates(), d.Path("kubeconfig")} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return fmt.Errorf("creating state directory: %w", err)
		}
	}
	return nil
}

// Empty deletes everything in the directory but the directory itself, which the caller holds locked. The marker goes last, so
// that a run killed in the middle is still recognized by the next one.
func (d Dir) Empty() error {
	if err := d.Check(); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading state directory: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == markerName {
			continue
		}
		if err := os.RemoveAll(d.Path(entry.Name())); err != nil {
			return fmt.Errorf("emptying state directory: %w", err)
		}
	}
	return os.Remove(d.Path(markerName))
}

// Record is what a run of `up` leaves behind for the other verbs.
type Record struct {
	Configuration  string // hash of everything that, when changed, needs a new cluster
	Nodes          int
	Password       string // of the registries' builder
	ReaderPassword string
	BaseImage      string // full references in the open registry
	GoImage        string
	MultiImage     string
	Complete       bool // every step of `up` succeeded
}

// Load reads the record.
func (d Dir) Load() (Record, error) {
	var record Record
	data, err := os.ReadFile(d.Path("cluster.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return record, fmt.Errorf("reading cluster record: no cluster was started in %q", string(d))
	}
	if err != nil {
		return record, fmt.Errorf("reading cluster record: %w", err)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, fmt.Errorf("reading cluster record: %w", err)
	}
	return record, nil
}

// Save writes the record, readable by its owner alone: it holds the passwords.
func (d Dir) Save(record Record) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("writing cluster record: %w", err)
	}
	temporary := d.Path(".cluster.json")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("writing cluster record: %w", err)
	}
	return os.Rename(temporary, d.Path("cluster.json"))
}
