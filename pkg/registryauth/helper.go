package registryauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// tokenUser is the user name with which a helper marks an identity token.
const tokenUser = "<token>"

// helperGrace is how long a helper that was told to stop may keep its pipes.
const helperGrace = 2 * time.Second

// maxHelperText bounds, in bytes, what is quoted of a helper's complaint.
const maxHelperText = 200

// helperName is the program of a helper, by its name in the config.
func helperName(suffix string) string {
	return "docker-credential-" + suffix
}

// askHelper runs the helper for one server; found is false if it knows none.
func askHelper(ctx context.Context, suffix, server string) (found bool, username, secret string, err error) {
	said, err := runHelper(ctx, suffix, "get", server)
	if errors.Is(err, errNotKept) {
		return false, "", "", nil
	}
	if err != nil {
		return false, "", "", err
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(said, &answer); err != nil {
		return false, "", "", errors.New("its answer is not JSON")
	}
	return answer.Secret != "", answer.Username, answer.Secret, nil
}

// storeInHelper makes the helper keep the credentials. A complaint that repeats
// the secret is not quoted.
func storeInHelper(ctx context.Context, suffix, server string, credentials Credentials) error {
	username := credentials.Username
	if credentials.identity {
		username = tokenUser
	}
	text, err := json.Marshal(map[string]string{"ServerURL": server, "Username": username, "Secret": credentials.Secret})
	if err != nil {
		return err
	}
	_, err = runHelper(ctx, suffix, "store", string(text))
	if err != nil && strings.Contains(err.Error(), credentials.Secret) {
		return errors.New("it failed")
	}
	return err
}

func eraseFromHelper(ctx context.Context, suffix, server string) error {
	_, err := runHelper(ctx, suffix, "erase", server)
	if errors.Is(err, errNotKept) {
		return nil
	}
	return err
}

// errNotKept is a helper that knows no such server.
const errNotKept = helperError("credentials not found")

type helperError string

func (e helperError) Error() string { return string(e) }

func runHelper(ctx context.Context, suffix, action, stdin string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, helperName(suffix), action)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.WaitDelay = helperGrace
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("the program is not in PATH")
	case err != nil && strings.Contains(stdout.String(), string(errNotKept)):
		return nil, errNotKept
	case err != nil:
		return nil, fmt.Errorf("%w%s", err, complaint(stdout.String(), stderr.String()))
	}
	return stdout.Bytes(), nil
}

// complaint is the first line of what a failed helper said. By the protocol that
// is a message; what a helper says when it succeeds is never quoted.
func complaint(texts ...string) string {
	for _, text := range texts {
		line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		if line == "" {
			continue
		}
		if len(line) > maxHelperText {
			line = line[:maxHelperText] + "…"
		}
		return ": " + line
	}
	return ""
}
