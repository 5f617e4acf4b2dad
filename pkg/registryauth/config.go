package registryauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	configFile   = "config.json"
	directoryEnv = "DOCKER_CONFIG"
	authEnv      = "DOCKER_AUTH_CONFIG"
)

// config is what this package reads of docker's config.json.
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

// Directory is where the docker config is: DOCKER_CONFIG, or .docker in the home
// directory.
func Directory(lookupEnv func(string) (string, bool), home string) string {
	if dir, _ := lookupEnv(directoryEnv); dir != "" {
		return dir
	}
	return filepath.Join(home, ".docker")
}

// readConfig reads the file; one that is absent or empty means no credentials.
func readConfig(path string) (config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return config{}, nil
	}
	if err != nil {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err
		}
		return config{}, &ConfigError{Path: path, Cause: err}
	}
	return parseConfig(path, text)
}

func parseConfig(path string, text []byte) (config, error) {
	var parsed config
	if len(bytes.TrimSpace(text)) == 0 {
		return parsed, nil
	}
	if err := parseInto(path, text, &parsed); err != nil {
		return config{}, err
	}
	return parsed, nil
}

func parseInto(path string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		line, column := place(text, err)
		return &ConfigError{Path: path, Line: line, Column: column, Cause: err}
	}
	return nil
}

// place finds where the fault is in the text.
func place(text []byte, err error) (line, column int) {
	var offset int64
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return 0, 0
	}
	offset = min(max(offset, 1), int64(len(text)))
	before := text[:offset-1]
	line = 1 + bytes.Count(before, []byte("\n"))
	column = int(offset) - (bytes.LastIndexByte(before, '\n') + 1)
	return line, column
}

// helper is the name of the credential helper for the host that has these keys,
// or "".
func (c config) helper(keys []string) string {
	for _, key := range keys {
		if own, ok := c.HostHelpers[key]; ok {
			return own
		}
	}
	return c.Store
}

// login decodes the entry. An error says nothing of what is in it.
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

// arguments are the proxies as build arguments.
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
