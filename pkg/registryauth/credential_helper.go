package registryauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

const (
	// tokenUser is the user name of a helper's identity token.
	tokenUser = "<token>"
	// helperLimit is the timeout of a helper. Some helpers wait for the user to unlock a keychain.
	helperLimit = 40 * time.Second
	// helperGrace is how long a killed helper may keep its pipes open.
	helperGrace = 2 * time.Second
	// maxHelperText is how much of a helper's message is quoted, and maxHelperAnswer how much is
	// read, in bytes.
	maxHelperText   = 200
	maxHelperAnswer = 1 << 20
	// credentialsAge is how long the output of a helper is cached. Some return tokens that are
	// valid for five minutes.
	credentialsAge = 4*time.Minute + 50*time.Second
)

// helperName returns the program of a helper, from its name in the config.
func helperName(suffix string) string {
	return "docker-credential-" + suffix
}

func helperSource(suffix string) string {
	return `credential helper "` + helperName(suffix) + `"`
}

// checkHelper rejects names that are a path: the program could be in the working directory, e.g. a
// checkout.
func checkHelper(suffix string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if suffix == "" || strings.Trim(suffix, letters) != "" {
		return errors.New("invalid helper name: use letters, digits and . _ - only")
	}
	return nil
}

// programs runs credential helpers, and caches their output. One program runs once at a time, since
// some open a window or a keychain; one that hangs does not block others, and is not run again.
type programs struct {
	limit time.Duration

	mu    sync.Mutex
	turns map[string]chan struct{}
	hung  map[string]error
	known map[string]answer // by program and server
}

type answer struct {
	credentials Credentials
	unread      *SourceError
	at          time.Time
}

func newPrograms() programs {
	return programs{
		limit: helperLimit, turns: map[string]chan struct{}{}, hung: map[string]error{}, known: map[string]answer{},
	}
}

// ask returns the helper's credentials for the server.
func (h *programs) ask(ctx context.Context, suffix, host, server string) (Credentials, *SourceError) {
	failed := func(err error) (Credentials, *SourceError) {
		return Credentials{}, &SourceError{Host: host, Source: helperSource(suffix), Origin: FromHelper, Helper: suffix, Cause: err}
	}
	if err := checkHelper(suffix); err != nil {
		return failed(err)
	}
	turn := h.turn(suffix)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return failed(context.Cause(ctx))
	}
	h.mu.Lock()
	known, again := h.known[suffix+" "+server]
	hung := h.hung[suffix]
	h.mu.Unlock()
	if again && time.Since(known.at) < credentialsAge {
		return known.credentials, known.unread
	}
	if hung != nil {
		return failed(hung)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, h.limit, fmt.Errorf("no answer in %v", h.limit))
	defer cancel()
	found, err := askHelper(bounded, suffix, server)
	if ctx.Err() != nil {
		return failed(err) // nothing is known of it
	}
	var credentials Credentials
	var unread *SourceError
	if err != nil {
		credentials, unread = failed(err)
	} else {
		credentials = Credentials{Username: found.username, Secret: found.secret, Source: helperSource(suffix), Origin: FromHelper, helper: suffix}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if bounded.Err() != nil {
		h.hung[suffix] = err
	}
	h.known[suffix+" "+server] = answer{credentials: credentials, unread: unread, at: time.Now()}
	return credentials, unread
}

// turn returns the semaphore of the program.
func (h *programs) turn(suffix string) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.turns[suffix] == nil {
		h.turns[suffix] = make(chan struct{}, 1)
	}
	return h.turns[suffix]
}

type helperAnswer struct{ username, secret string }

// askHelper runs the helper for one server. The error is a *notKeptError if it has no credentials.
func askHelper(ctx context.Context, suffix, server string) (helperAnswer, error) {
	text, err := runHelper(ctx, suffix, "get", server, Credentials{})
	if err != nil {
		return helperAnswer{}, err
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return helperAnswer{}, errors.New("its output is not JSON")
	}
	if answer.Secret == "" {
		return helperAnswer{}, &notKeptError{}
	}
	if answer.Username == tokenUser {
		answer.Username = ""
	}
	return helperAnswer{answer.Username, answer.Secret}, nil
}

// storeInHelper stores the credentials in the helper.
func storeInHelper(ctx context.Context, suffix, server string, credentials Credentials) error {
	username := credentials.Username
	if credentials.identity {
		username = tokenUser
	}
	text, err := json.Marshal(map[string]string{"ServerURL": server, "Username": username, "Secret": credentials.Secret})
	if err != nil {
		return err
	}
	_, err = runHelper(ctx, suffix, "store", string(text), credentials)
	return err
}

func eraseFromHelper(ctx context.Context, suffix, server string) error {
	_, err := runHelper(ctx, suffix, "erase", server, Credentials{})
	if isNotKept(err) {
		return nil
	}
	return err
}

// notKept is the protocol's message of a helper without credentials for the server.
const notKept = "credentials not found"

// notKeptError is returned when a helper has no credentials for the server. Some helpers also print
// this message for other failures, with the reason on standard error.
type notKeptError struct{ complaint string }

func (e *notKeptError) Error() string { return "it has none" + e.complaint }

// Class returns fault.Failed.
func (*notKeptError) Class() fault.Class { return fault.Failed }

func isNotKept(err error) bool {
	var none *notKeptError
	return errors.As(err, &none)
}

// runHelper returns the output of the helper. Errors never contain the credentials that are passed.
func runHelper(ctx context.Context, suffix, action, stdin string, sent Credentials) ([]byte, error) {
	if err := checkHelper(suffix); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, helperName(suffix), action)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.WaitDelay = helperGrace
	stdout, stderr := &boundedBuffer{}, &boundedBuffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it succeeded, and a child of it, e.g. an agent, keeps its pipes open
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, exec.ErrDot):
		return nil, errors.New("the program is not in PATH")
	case err != nil && strings.Contains(stdout.String(), notKept):
		return nil, &notKeptError{complaint(sent, stderr.String())}
	case err != nil:
		return nil, fmt.Errorf("%w%s", err, complaint(sent.orIn(stdout.Bytes()), stdout.String(), stderr.String()))
	}
	return stdout.Bytes(), nil
}

// boundedBuffer keeps the beginning and discards the rest: a program that cannot write would hang.
type boundedBuffer struct{ bytes.Buffer }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if room := maxHelperAnswer - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// orIn returns the credentials, or those that a helper has printed before it failed.
func (c Credentials) orIn(stdout []byte) Credentials {
	if c.anonymous() {
		_ = json.Unmarshal(stdout, &c)
	}
	return c
}

// complaint returns the first line of each text of a failed helper, which is a message by the
// protocol. It omits JSON objects, which helpers print on success, and lines that contain the
// secret.
func complaint(sent Credentials, texts ...string) string {
	var all strings.Builder
	for _, text := range texts {
		line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "{") || sent.repeats(line) {
			continue
		}
		if len(line) > maxHelperText {
			line = line[:maxHelperText] + "…"
		}
		all.WriteString(": " + oneLine(line))
	}
	return all.String()
}
