package request

import (
	"bufio"
	"path/filepath"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// completeS3 lends the builder this machine's AWS keys: those of the
// environment, or of the profile in the credentials file. Without any the
// builder uses its own, e.g. its Pod's role.
func completeS3(attrs map[string]string, env Environment) {
	if attrs["access_key_id"] != "" && attrs["secret_access_key"] != "" {
		return
	}
	found := awsKeys(env)
	for key, name := range map[string]string{
		"access_key_id": "aws_access_key_id", "secret_access_key": "aws_secret_access_key", "session_token": "aws_session_token",
	} {
		if _, given := attrs[key]; !given && found[name] != "" {
			attrs[key] = found[name]
		}
	}
}

// maxKeyFile bounds, in bytes, the credentials file.
const maxKeyFile = 1 << 20

// awsKeys has the names of the credentials file.
func awsKeys(env Environment) map[string]string {
	keys := map[string]string{}
	for _, name := range []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"} {
		if value, _ := env.LookupEnv(strings.ToUpper(name)); value != "" {
			keys[name] = value
		}
	}
	if keys["aws_access_key_id"] != "" && keys["aws_secret_access_key"] != "" {
		return keys
	}
	path, _ := env.LookupEnv("AWS_SHARED_CREDENTIALS_FILE")
	if path == "" {
		home, _ := env.LookupEnv("HOME")
		path = filepath.Join(home, ".aws", "credentials")
	}
	text, err := safefile.Read(path, maxKeyFile)
	if err != nil {
		return nil
	}
	profile, _ := env.LookupEnv("AWS_PROFILE")
	if profile == "" {
		profile = "default"
	}
	return parseAWSProfile(string(text), profile)
}

// parseAWSProfile reads one [section] of key = value lines.
func parseAWSProfile(text, profile string) map[string]string {
	keys := map[string]string{}
	inside := false
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";"):
		case strings.HasPrefix(line, "["):
			inside = strings.TrimSpace(strings.Trim(line, "[]")) == profile
		case inside:
			if key, value, pair := strings.Cut(line, "="); pair {
				keys[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
			}
		}
	}
	return keys
}
