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
	cmd := exec.CommandContext(ctx, helperName(suffix), "get")
	cmd.Stdin = strings.NewReader(server)
	cmd.WaitDelay = helperGrace
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return false, "", "", errors.New("the program is not in PATH")
	case err != nil && strings.Contains(stdout.String(), "credentials not found"):
		return false, "", "", nil
	case err != nil:
		return false, "", "", fmt.Errorf("%w%s", err, complaint(stdout.String(), stderr.String()))
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		return false, "", "", errors.New("its answer is not JSON")
	}
	return answer.Secret != "", answer.Username, answer.Secret, nil
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
