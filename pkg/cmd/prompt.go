package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// maxPassword bounds, in bytes, what is read as one: identity tokens are long, files are longer.
const maxPassword = 1 << 20

// ask gets what the command line does not say of the account.
func (f *factory) ask(ctx context.Context, o *loginOptions, account *registryauth.Account) error {
	if o.passwordStdin {
		text, err := io.ReadAll(io.LimitReader(request.Interruptible(ctx, f.streams.In), maxPassword))
		if err != nil {
			return fmt.Errorf("reading the password from standard input: %w", err)
		}
		account.Password = strings.TrimRight(string(text), "\r\n")
		if account.Password == "" {
			return &usage.Error{What: "--password-stdin", Reason: "standard input is empty"}
		}
		return nil
	}
	terminal, _ := f.inputTerminal()
	if !f.interactive() {
		return &usage.Error{What: "login", Reason: "no terminal can be asked for the password of " + account.Host, Next: "add --username NAME --password-stdin"}
	}
	if account.Username == "" {
		escape.Fprintf(f.streams.ErrOut, "Username: ")
		name, err := await(ctx, func() (string, error) { return readLine(f.streams.In) })
		if err != nil {
			return fmt.Errorf("reading the user name: %w", err)
		}
		if account.Username = strings.TrimSpace(name); !registryauth.ValidUsername(account.Username) {
			return &usage.Error{What: "Username", Value: account.Username, Reason: "a user name has at least one character, and no colon"}
		}
	}
	escape.Fprintf(f.streams.ErrOut, "Password: ")
	password, err := readHidden(ctx, terminal)
	escape.Fprintln(f.streams.ErrOut)
	if err != nil {
		return fmt.Errorf("reading the password: %w", err)
	}
	if account.Password = password; password == "" {
		return &usage.Error{What: "Password", Reason: "it is empty"}
	}
	return nil
}

// readHidden reads a line without echo. The echo is back whatever happens.
func readHidden(ctx context.Context, terminal int) (string, error) {
	state, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(terminal, state) }()
	password, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(terminal) })
	return string(password), err
}

// await ends with ctx, though a read from a terminal does not; that one ends with the process.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := read()
		answered <- answer{value, err}
	}()
	select {
	case got := <-answered:
		return got.value, got.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// readLine reads no further than the end of the line: what follows is for the next reader.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		n, err := r.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return string(line), nil
		case n == 1:
			line = append(line, one[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}
