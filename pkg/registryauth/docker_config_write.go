package registryauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// document is a docker config that is changed. Fields that this package does not
// know are kept.
type document struct {
	path   string
	config config
	fields map[string]json.RawMessage
	auths  map[string]json.RawMessage
}

// storedEntry is an entry as docker writes it.
type storedEntry struct {
	Auth          string `json:"auth,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
}

func entryOf(credentials Credentials) storedEntry {
	password := credentials.Secret
	if credentials.identity {
		password = ""
	}
	stored := storedEntry{Auth: base64.StdEncoding.EncodeToString([]byte(credentials.Username + ":" + password))}
	if credentials.identity {
		stored.IdentityToken = credentials.Secret
	}
	return stored
}

func openDocument(path string) (*document, error) {
	parsed, faults := readConfig(path)
	if len(faults) > 0 {
		return nil, faults[0] // a part that cannot be parsed would be lost
	}
	doc := &document{path: path, config: parsed, fields: map[string]json.RawMessage{}, auths: map[string]json.RawMessage{}}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &ConfigError{Path: path, Cause: err}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return doc, nil
	}
	if err := json.Unmarshal(text, &doc.fields); err != nil {
		return nil, &ConfigError{Path: path, Cause: err}
	}
	for _, each := range fieldsOf(text) {
		if !strings.EqualFold(each.name, authsKey) {
			continue
		}
		if err := json.Unmarshal(each.value, &doc.auths); err != nil {
			return nil, &ConfigError{Path: path, Cause: err}
		}
		delete(doc.fields, each.name) // written again under the usual name
	}
	return doc, nil
}

// set writes the file with the entry in it.
func (d *document) set(key string, stored storedEntry) error {
	raw, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	if d.auths == nil {
		d.auths = map[string]json.RawMessage{}
	}
	d.auths[key] = raw
	return d.write()
}

// remove writes the file without the entries of the host with these keys, and
// reports whether one of them was not empty.
func (d *document) remove(keys []string) (held bool, err error) {
	found := false
	for _, name := range sortedKeys(d.auths) {
		if slices.Contains(keys, name) || slices.Contains(keys, hostOf(name)) {
			found, held = true, held || !d.config.Auths[name].empty()
			delete(d.auths, name)
		}
	}
	if !found {
		return false, nil
	}
	return held, d.write()
}

func (d *document) write() error {
	auths, err := json.Marshal(d.auths)
	if err != nil {
		return err
	}
	if d.fields == nil {
		d.fields = map[string]json.RawMessage{}
	}
	d.fields[authsKey] = auths
	text, err := json.MarshalIndent(d.fields, "", "\t")
	if err != nil {
		return err
	}
	return replaceFile(d.path, append(text, '\n'))
}

// replaceFile writes the file atomically, with mode 0600. If the path is a link, its
// target is replaced.
func replaceFile(path string, text []byte) error {
	target, err := safefile.NewTarget(path, safefile.TargetOptions{Parents: true, Private: true})
	if err != nil {
		return err
	}
	staged := target.Stage()
	defer staged.Discard()
	w, err := staged.Open()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return staged.Commit()
}
