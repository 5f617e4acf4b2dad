package registryauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	configFile   = "config.json"
	authsKey     = "auths"
	directoryEnv = "DOCKER_CONFIG"
	authEnv      = "DOCKER_AUTH_CONFIG"
	// maxConfig is the maximum size of a docker config, in bytes.
	maxConfig = 8 << 20
)

// config has the fields of docker's config.json that this package uses.
type config struct {
	Auths       map[string]entry   `json:"auths"`
	Store       string             `json:"credsStore"`
	HostHelpers map[string]string  `json:"credHelpers"`
	Proxies     map[string]proxies `json:"proxies"`
}

type entry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

type proxies struct {
	HTTP  string `json:"httpProxy"`
	HTTPS string `json:"httpsProxy"`
	No    string `json:"noProxy"`
	FTP   string `json:"ftpProxy"`
}

// Directory returns the directory of the docker config: DOCKER_CONFIG, relative to the working
// directory, or .docker in the home directory. It is "" if neither is known: then the docker config
// is not read.
func Directory(lookupEnv func(string) (string, bool), home string) string {
	if dir, _ := lookupEnv(directoryEnv); dir != "" {
		if absolute, err := filepath.Abs(dir); err == nil {
			return absolute
		}
		return dir
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// readConfig reads the file; a missing or empty one has no credentials. It returns the valid fields
// of a file with faults together with the faults. Without a directory the file is not read.
func readConfig(path string) (config, []*ConfigError) {
	if path == "" {
		return config{}, nil
	}
	text, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return config{}, nil
	}
	if err != nil {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err
		}
		return config{}, []*ConfigError{{Path: path, Cause: err}}
	}
	return parseConfig(path, text)
}

// readBounded reads a regular file: a FIFO or a device would block every build.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a directory")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("it is larger than %d bytes", maxConfig)
	}
	return os.ReadFile(path)
}

// parseConfig parses every field separately: one of the wrong type does not affect the others.
func parseConfig(path string, text []byte) (parsed config, faults []*ConfigError) {
	if rest, marked := bytes.CutPrefix(text, []byte("\xef\xbb\xbf")); marked {
		faults = append(faults, &ConfigError{Path: path, Cause: errors.New("it begins with a byte order mark, which docker does not accept"), Used: true})
		text = rest
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return parsed, faults
	}
	var object map[string]json.RawMessage
	if fault := parseInto(path, text, &object); fault != nil {
		return parsed, append(faults, fault)
	}
	for _, each := range fieldsOf(text) {
		for name, into := range map[string]any{
			authsKey: &parsed.Auths, "credsStore": &parsed.Store, "credHelpers": &parsed.HostHelpers, "proxies": &parsed.Proxies,
		} {
			if !strings.EqualFold(name, each.name) {
				continue
			}
			if err := json.Unmarshal(each.value, into); err != nil {
				faults = append(faults, fieldFault(path, text, name, each, err))
			}
		}
	}
	slices.SortStableFunc(faults, func(a, b *ConfigError) int { return strings.Compare(a.Field, b.Field) })
	return parsed, faults
}

// field is a field of a JSON object.
type field struct {
	name  string
	value json.RawMessage
	at    int // of the value in the text
}

// fieldsOf returns the fields of a valid object in their order. As in docker, a name may occur
// again, in any case, and adds to the previous one.
func fieldsOf(text []byte) (fields []field) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	_, _ = decoder.Token()
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return fields
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return fields
		}
		key, _ := name.(string)
		fields = append(fields, field{key, value, int(decoder.InputOffset()) - len(value)})
	}
	return fields
}

func fieldFault(path string, text []byte, name string, each field, err error) *ConfigError {
	fault := &ConfigError{Path: path, Field: name, Cause: withoutValue(err, name)}
	fault.Line, fault.Column = lineOf(text, each.at+offsetOf(err, len(each.value))-1)
	return fault
}

// withoutValue returns the error without the file's content, and without Go's names.
func withoutValue(err error, name string) error {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return err
	}
	found, _, _ := strings.Cut(kind.Value, " ")
	if name == "" {
		return fmt.Errorf("it has the wrong type: %s", found)
	}
	return fmt.Errorf("a value of %q has the wrong type: %s", name, found)
}

func parseInto(path string, text []byte, into any) *ConfigError {
	err := json.Unmarshal(text, into)
	if err == nil {
		return nil
	}
	fault := &ConfigError{Path: path, Cause: withoutValue(err, "")}
	if offset := offsetOf(err, len(text)); offset > 0 {
		fault.Line, fault.Column = lineOf(text, offset-1)
	}
	return fault
}

// offsetOf returns the position of the fault in a text of that length, from one; 0 if it is not
// known.
func offsetOf(err error, length int) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return min(max(int(syntax.Offset), 1), length)
	case errors.As(err, &kind):
		return min(max(int(kind.Offset), 1), length)
	}
	return 0
}

// lineOf returns the line and column, from one, of a byte of the text.
func lineOf(text []byte, at int) (line, column int) {
	before := text[:min(max(at, 0), len(text))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// helper returns the name of the credential helper for the host with these keys,
// or "".
func (c config) helper(keys []string) string {
	for _, key := range keys {
		if own, ok := c.HostHelpers[key]; ok {
			return own
		}
	}
	return c.Store
}

// login decodes the entry. An error does not contain any part of it.
func (e entry) login() (username, password string, err error) {
	if e.Auth == "" {
		return e.Username, e.Password, nil
	}
	text, err := base64.StdEncoding.DecodeString(e.Auth)
	if err != nil {
		return "", "", errors.New(`its "auth" is not base64`)
	}
	username, password, ok := strings.Cut(string(text), ":")
	if !ok || username == "" {
		return "", "", errors.New(`its "auth" is not user:password in base64`)
	}
	return username, strings.TrimRight(password, "\x00"), nil
}

func (e entry) empty() bool {
	return e == entry{}
}

// arguments returns the proxies as build arguments.
func (p proxies) arguments() map[string]string {
	args := map[string]string{}
	for name, value := range map[string]string{
		"HTTP_PROXY": p.HTTP, "HTTPS_PROXY": p.HTTPS, "NO_PROXY": p.No, "FTP_PROXY": p.FTP,
	} {
		if value != "" {
			args[name] = value
		}
	}
	return args
}
